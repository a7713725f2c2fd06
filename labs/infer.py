# ruff: noqa
# %% [markdown] lang="en"
# # Lab 3: Infer
#
# *In this lab: how a model answers, why greedily, what a probability of an answer is, and where answers are
# lost.* ([In italiano](docs/it/labs/infer.md); as a program: [labs/infer.py](labs/infer.py); before:
# [Fine-tune](docs/labs/finetune.md); next: [Decode](docs/labs/decode.md))
#
# The model is given a prompt and says how likely each token of its vocabulary is to be the next one. Written
# **greedily**, the likeliest one is taken and appended, and the model is asked again, until it writes the
# end token. Drawing tokens at random makes stories livelier; but here there is one right answer, and a
# second run should give the same one.

# %% [markdown] lang="it"
# # Laboratorio 3: inferenza
#
# *In questo laboratorio: come risponde un modello, perché in modo greedy, che cos'è la probabilità di una
# risposta, e dove le risposte si perdono.* ([In English](docs/labs/infer.md); come programma:
# [labs/infer.py](labs/infer.py); prima: [Addestrare](docs/it/labs/finetune.md); poi:
# [Decodificare](docs/it/labs/decode.md))
#
# Il modello riceve un prompt e dice quanto ogni token del vocabolario sia probabile come prossimo. In modo
# **greedy** si prende il più probabile, lo si aggiunge e si interroga di nuovo il modello, finché non scrive
# il token di fine. Estrarre token a caso rende più vivaci i racconti; ma qui la risposta giusta è una, e una
# seconda esecuzione dovrebbe dare la stessa.

# %% tags=["varies"]
import json

from labs.tools import small_run

run = small_run(upto="infer")
lines = (run / "predictions" / "test.jsonl").read_text(encoding="utf-8").splitlines()
predictions = [json.loads(line) for line in lines]
for task in ("acti_b", "nermud"):
    print(next(p for p in predictions if p["task"] == task))

# %% [markdown] lang="en"
# `finish` says how an answer ended: `stop`, with the end token, or `length`, cut off. A closed sub-task has
# **probabilities**: the model says how likely each candidate is as a whole, token by token, and the
# likeliest is the answer. So the answer is always one of the candidates, and it comes with a degree of
# confidence. (How far that can be trusted is measured too:
# [calibration](docs/experiments.md#plots-and-the-report).)

# %% [markdown] lang="it"
# `finish` dice com'è finita una risposta: `stop`, con il token di fine, o `length`, troncata. Un
# sotto-compito chiuso ha **probabilità**: il modello dice quanto è probabile ogni candidato intero, token
# per token, e il più probabile è la risposta. Così la risposta è sempre uno dei candidati, e arriva con un
# grado di fiducia. (Quanto ci si possa fidare si misura anch'esso:
# [calibrazione](docs/experiments.md#plots-and-the-report).)

# %% tags=["varies"]
closed = [p for p in predictions if p.get("probabilities")]
surest = max(closed, key=lambda p: max(p["probabilities"].values()))
for text, probability in surest["probabilities"].items():
    print(f"{probability:.3f}  {text}")

# %% [markdown] lang="en"
# ## Trap: an answer cut off
#
# An answer may have `infer.max_new_tokens` tokens. Too few, and lists lose their end, silently: what is left
# still looks like an answer. To see what it costs no model is needed. Take the gold answers, cut them, and
# have them decoded and scored as if a model had written them:

# %% [markdown] lang="it"
# ## Trappola: una risposta troncata
#
# Una risposta può avere `infer.max_new_tokens` token. Se sono troppo pochi, gli elenchi perdono la coda, in
# silenzio: ciò che resta sembra ancora una risposta. Per vedere quanto costa non serve un modello. Si
# prendono le risposte gold, si tagliano, e si fanno decodificare e valutare come se le avesse scritte un
# modello:

# %%
from pathlib import Path

from labs.tools import score_answers, text_encoder
from stages import encode
from stages.common import settings
from stages.tasks import load

hold_out = settings.read(encode.Settings).encode
encoder = text_encoder()


def gold(task):
    test = load(task).encode(Path("data/sample") / task, hold_out).splits["test"]
    return {e.id: str(e.output) for e in test}


def cut(answer, tokens):
    return encoder.decode(encoder.encode_answer(answer)[:tokens])


print("tokens  nermud  hodi_b")
for tokens in (4, 8, 16, 32, 256):
    values = []
    for task, unit in (("nermud", "nermud"), ("hodi", "hodi_b")):
        answers = {question: cut(answer, tokens) for question, answer in gold(task).items()}
        values.append(score_answers(task, answers)[unit].value)
    print(f"{tokens:6}  {values[0]:6.3f}  {values[1]:6.3f}")

# %% [markdown] lang="en"
# ## Trap: the answer cut away in training
#
# The other end matters too. The reference joins prompt and answer and cuts the whole at the right, at 512
# tokens. A long input then loses its answer: there is nothing to learn from, and no end token. Here the
# *input* is cut to fit, never the instruction and never the answer. How many training answers of the sample
# would be lost or damaged, for some cut-offs?

# %% [markdown] lang="it"
# ## Trappola: la risposta tagliata via in addestramento
#
# Conta anche l'altro capo. Il sistema di riferimento unisce prompt e risposta e taglia tutto a destra, a 512
# token. Un input lungo perde allora la sua risposta: non c'è nulla da imparare, e nessun token di fine. Qui
# si accorcia l'*input* quanto serve, mai l'istruzione e mai la risposta. Quante risposte di addestramento
# del campione andrebbero perse o danneggiate, per alcuni limiti?

# %%
train = load("langlearn").encode(Path("data/sample/langlearn"), hold_out).splits["train"]
rows = [encoder.encode_example(e.task, e.input, str(e.output)) for e in train]
for limit in (128, 192, 256, 512):
    print(f"cut-off {limit}: {sum(len(row.ids) > limit for row in rows) / len(rows):.0%} damaged")

# %% [markdown] lang="en"
# (langlearn's sample has short essays; real ones are longer. That is why the share at 512 tokens has to be
# looked up on your own data: finetune says how many inputs it has cut.)
#
# ## Exercises
#
# 1. What is the smallest `infer.max_new_tokens` that cuts off no gold answer of these two tasks?

# %% [markdown] lang="it"
# (I temi del campione di langlearn sono corti; quelli veri sono più lunghi. Perciò la quota a 512 token va
# guardata sui propri dati: finetune dice quanti input ha accorciato.)
#
# ## Esercizi
#
# 1. Qual è il più piccolo `infer.max_new_tokens` che non tronca nessuna risposta gold di questi due compiti?

# %% tags=["solution"]
answers = [*gold("nermud").values(), *gold("hodi").values()]
needed = max(len(encoder.encode_answer(answer)) for answer in answers)
assert all(cut(answer, needed).strip() == answer.strip() for answer in answers)
assert any(cut(answer, needed - 2).strip() != answer.strip() for answer in answers)
print(needed, "tokens, the end token included")

# %% [markdown] lang="en"
# 2. Check on the predictions that the answer to a closed sub-task is the likeliest candidate, and find the
#    question of which the model was least sure.

# %% [markdown] lang="it"
# 2. Verificate sulle predizioni che la risposta a un sotto-compito chiuso è il candidato più probabile, e
#    trovate la domanda di cui il modello era meno sicuro.

# %% tags=["varies"]
for p in closed:
    likeliest = max(p["probabilities"], key=p["probabilities"].get)
    assert p["probabilities"][p["answer"]] == p["probabilities"][likeliest]
least = min(closed, key=lambda p: max(p["probabilities"].values()))
print(least["id"], least["answer"], f"{least['probabilities'][least['answer']]:.3f}")
