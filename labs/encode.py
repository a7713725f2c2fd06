# ruff: noqa
# %% [markdown] lang="en"
# # Lab 1: Encode
#
# *In this lab: what an instruction is, how the records of a shared task become questions and answers,
# and how a dev set is held out.* ([In italiano](docs/it/labs/encode.md); as a program:
# [labs/encode.py](labs/encode.py); next: [Fine-tune](docs/labs/finetune.md))
#
# Every shared task has files of its own: other columns, other labels, other separators. A language
# model knows none of that. It continues a text. The idea of **instruction tuning** is to say in words
# what is wanted, so that one model can do all tasks: a text that holds the instruction and the input is
# continued by the answer. What tells two tasks apart is the instruction alone.
#
# This is how ACTI, which asks whether a post spreads a conspiracy theory and which one, hands out its
# data (here: invented posts in the organisers' format):

# %% [markdown] lang="it"
# # Laboratorio 1: codificare
#
# *In questo laboratorio: che cos'è un'istruzione, come i dati di uno shared task diventano domande e
# risposte, e come si mette da parte un dev set.* ([In English](docs/labs/encode.md); come programma:
# [labs/encode.py](labs/encode.py); poi: [Addestrare](docs/it/labs/finetune.md))
#
# Ogni shared task ha i suoi file: altre colonne, altre etichette, altri separatori. Un modello
# linguistico non ne sa nulla: continua un testo. L'idea dell'**instruction tuning** è dire a parole che
# cosa si vuole, così che un solo modello possa svolgere tutti i compiti: un testo con l'istruzione e
# l'input viene continuato dalla risposta. A distinguere due compiti è soltanto l'istruzione.
#
# Ecco come ACTI, che chiede se un post diffonde una teoria del complotto e quale, distribuisce i suoi
# dati (qui post inventati, nel formato degli organizzatori):

# %%
from pathlib import Path

raw = Path("data/sample/acti")
for line in (raw / "subtaskB_train.csv").read_text(encoding="utf-8").splitlines()[:4]:
    print(line)

# %% [markdown] lang="en"
# `encode` turns each row into an **example**: an id that is unique over all tasks, the name of the
# sub-task, the input and the answer in words. The label becomes a word because the model has read
# words, not labels; and the word is one that the instruction offers.

# %% [markdown] lang="it"
# `encode` trasforma ogni riga in un **esempio**: un id unico fra tutti i compiti, il nome del
# sotto-compito, l'input e la risposta a parole. L'etichetta diventa una parola perché il modello ha letto
# parole, non etichette; ed è una parola che l'istruzione propone.

# %%
from stages import encode
from stages.common import settings
from stages.tasks import load

hold_out = settings.read(encode.Settings).encode
encoded = load("acti").encode(raw, hold_out)
example = next(e for e in encoded.splits["train"] if e.task == "acti_b")
print(example)

# %% [markdown] lang="en"
# The **prompt** is a template, filled with a header, the sub-task's instruction and the input
# ([data/prompts/it.yaml](data/prompts/it.yaml)). The answer is what follows. Training and inference
# use the very same template: a model that learnt one and is asked with another answers worse.

# %% [markdown] lang="it"
# Il **prompt** è uno schema riempito con un'intestazione, l'istruzione del sotto-compito e l'input
# ([data/prompts/it.yaml](data/prompts/it.yaml)). La risposta è ciò che segue. Addestramento e inferenza
# usano proprio lo stesso schema: un modello che ne ha imparato uno e viene interrogato con un altro
# risponde peggio.

# %%
from stages.common.prompts import Prompts

prompts = settings.read(Prompts, Path("data/prompts/it.yaml"))
print(prompts.render(example.task, example.input) + str(example.output))

# %% [markdown] lang="en"
# Not every answer is a label. Names are listed with their kind, spans are copied, a place is written as
# a region and two numbers. In each case the answer is a text, and everything that the organisers want to
# know has to be recoverable from it (that is [lab 4](docs/labs/decode.md)).

# %% [markdown] lang="it"
# Non tutte le risposte sono etichette. I nomi si elencano con il loro tipo, i segmenti si copiano, un
# luogo si scrive come regione e due numeri. In ogni caso la risposta è un testo, dal quale si deve poter
# ricavare tutto ciò che gli organizzatori vogliono sapere (è il tema del
# [laboratorio 4](docs/it/labs/decode.md)).

# %%
for name in ("nermud", "hodi", "geolingit"):
    train = load(name).encode(Path("data/sample") / name, hold_out).splits["train"]
    longest = max(train[:200], key=lambda e: len(str(e.output)))
    print(longest.task, "|", longest.input, "->", longest.output)

# %% [markdown] lang="en"
# ## Trap: a dev set that never fills, and one that lies
#
# Part of the training data is held out as a **dev set**, to see after each epoch whether the model still
# improves. One of the original labs has a condition for it that never holds. Nothing is held out then, and
# nobody notices, for the training runs all the same. It takes as little as a number from 0 to 1 that is
# compared with 95 per cent:

# %% [markdown] lang="it"
# ## Trappola: un dev set che resta vuoto, e uno che mente
#
# Una parte dei dati di addestramento si mette da parte come **dev set**, per vedere dopo ogni epoca se il
# modello migliora ancora. Uno dei laboratori originali estrae un numero per ogni riga e lo confronta con
# una quota; se il numero è su una scala e la quota su un'altra, la condizione non si avvera mai, nulla
# viene messo da parte e nessuno se ne accorge, perché l'addestramento gira lo stesso:

# %%
import random

examples = [*encoded.splits["train"], *encoded.splits["dev"]]
numbers = random.Random(23)
dev = [e for e in examples if numbers.random() > 95]
print(f"{len(examples)} examples, {len(dev)} of them in dev")

# %% [markdown] lang="en"
# With the condition put right, each line is drawn by itself. But ACTI's posts come up in both
# sub-tasks, so that a post is learnt in one and asked in the other. Here a **hash of the text** decides,
# and equal texts stay on one side. How many dev posts has the model seen in training?

# %% [markdown] lang="it"
# Corretta la condizione, ogni riga viene estratta per conto suo. Ma i post di ACTI compaiono in entrambi
# i sotto-compiti, così che un post si impara nell'uno e si chiede nell'altro. Qui decide uno **hash del
# testo**, e testi uguali restano dalla stessa parte. Quanti post del dev set il modello ha già visto?


# %%
def seen(train, dev):
    texts = {e.input for e in train}
    return sum(e.input in texts for e in dev) / len(dev)


numbers = random.Random(23)
drawn = {True: [], False: []}
for e in examples:
    drawn[numbers.random() < hold_out.dev].append(e)
print(f"line by line: {seen(drawn[False], drawn[True]):.0%} of dev has been seen")
print(f"by text:      {seen(encoded.splits['train'], encoded.splits['dev']):.0%}")

# %% [markdown] lang="en"
# ## Trap: `eval` on data
#
# HODI's file has lists of positions such as `[3, 4, 5]`, and the shortest way to read one is Python's
# `eval`. It runs whatever the cell holds, with all that you may do on your machine. A parser accepts
# what it knows and refuses the rest:

# %% [markdown] lang="it"
# ## Trappola: `eval` sui dati
#
# Il file di HODI contiene elenchi di posizioni come `[3, 4, 5]`, e il modo più breve di leggerli è
# `eval` di Python. Ma `eval` esegue qualunque cosa la cella contenga, con tutti i permessi che avete
# sulla vostra macchina. Un parser accetta ciò che conosce e rifiuta il resto:

# %%
from stages.tasks.hodi import positions_cell

cell = "print('a cell of a data file has run as a program') or [3, 4, 5]"
print(eval(cell))
try:
    positions_cell(cell)
except ValueError as error:
    print("refused:", error)

# %% [markdown] lang="en"
# ## Exercises
#
# 1. A sub-task whose answers are a few fixed words is *closed*. Find the closed ones of ACTI by looking
#    at the training answers alone, and compare with what the task's module says.

# %% [markdown] lang="it"
# ## Esercizi
#
# 1. Un sotto-compito le cui risposte sono poche parole fisse è *chiuso*. Trovate quelli chiusi di ACTI
#    guardando soltanto le risposte di addestramento, e confrontate con ciò che dice il modulo del compito.

# %% tags=["solution"]
answers = {}
for e in encoded.splits["train"]:
    answers.setdefault(e.task, set()).add(e.output)
closed = {task: words for task, words in answers.items() if len(words) <= 25}
assert closed.keys() == load("acti").CLOSED.keys()
for task, words in closed.items():
    assert words <= set(load("acti").CLOSED[task])
    print(task, sorted(words))

# %% [markdown] lang="en"
# 2. Turn the order of the lines of a raw file round and encode again. Does a post change its side?

# %% [markdown] lang="it"
# 2. Invertite l'ordine delle righe di un file e codificate di nuovo. Qualche post cambia parte?

# %% tags=["solution"]
import csv
import shutil
import tempfile

with tempfile.TemporaryDirectory() as folder:
    copy = shutil.copytree(raw, Path(folder) / "acti")
    with (copy / "subtaskA_train.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with (copy / "subtaskA_train.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *reversed(rows)])
    again = load("acti").encode(copy, hold_out)
for split in ("train", "dev", "test"):
    before, after = ({e.id for e in part.splits[split]} for part in (encoded, again))
    assert before == after
print("no post has changed its side")
