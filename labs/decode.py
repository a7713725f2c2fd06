# ruff: noqa
# %% [markdown] lang="en"
# # Lab 4: Decode
#
# *In this lab: how an answer in words becomes the organisers' file, and why spans must be found again.*
# ([In italiano](docs/it/labs/decode.md); as a program: [labs/decode.py](labs/decode.py); before:
# [Infer](docs/labs/infer.md); next: [Evaluate](docs/labs/evaluate.md))
#
# The organisers do not want sentences. They want a file with the test items in their order, a label, a
# number, a pair of offsets for each. **Decoding** is the way back, and whatever the model wrote, the file
# has to be valid: an answer that says nothing is replaced by a documented *fallback*, and counted.

# %% [markdown] lang="it"
# # Laboratorio 4: decodificare
#
# *In questo laboratorio: come una risposta a parole diventa il file degli organizzatori, e perché i segmenti
# di testo vanno ritrovati.* ([In English](docs/labs/decode.md); come programma:
# [labs/decode.py](labs/decode.py); prima: [Inferenza](docs/it/labs/infer.md); poi:
# [Valutare](docs/it/labs/evaluate.md))
#
# Gli organizzatori non vogliono frasi. Vogliono un file con gli elementi di test nel loro ordine e, per
# ciascuno, un'etichetta, un numero, una coppia di posizioni. **Decodificare** è la via del ritorno e,
# qualunque cosa il modello abbia scritto, il file dev'essere valido: una risposta che non dice nulla viene
# sostituita da un *ripiego* (fallback) documentato, e contata.

# %%
from stages.tasks import load

acti = load("acti")
for answer in ("sì", "Si.", " SÌ", "no", "forse", ""):
    print(f"{answer!r:8} is read as", acti.interpret("acti_a", answer))

# %% [markdown] lang="en"
# Case, accents, blanks and full stops do not matter; what is no answer is `None`, not "no". On a small run
# of our own:

# %% [markdown] lang="it"
# Maiuscole, accenti, spazi e punti non contano; ciò che non è una risposta è `None`, non «no». Su una
# piccola esecuzione nostra:

# %% tags=["varies"]
import json

from labs.tools import small_run

run = small_run(upto="decode")
for file in sorted((run / "submissions").rglob("*subtaskB*")):
    print(file.name, file.read_text(encoding="utf-8").splitlines()[:3])
for subtask, tally in json.loads((run / "metrics" / "decode.json").read_text()).items():
    print(subtask, tally)

# %% [markdown] lang="en"
# ## Spans must be found again
#
# A model copies text; it does not count characters. So the answer to HODI's sub-task B holds the words, and
# decode looks for them in the post. That is easy, until a word comes up twice, or stands inside another
# word. The gold answers say how good a method is, for they hold no mistake of a model's: all that is lost is
# lost by decoding. The obvious method takes the first place where the words occur:

# %% [markdown] lang="it"
# ## I segmenti vanno ritrovati
#
# Un modello copia testo; non conta i caratteri. Perciò la risposta al sotto-compito B di HODI contiene le
# parole, e decode le cerca nel post. È facile, finché una parola non compare due volte, o dentro un'altra
# parola. Le risposte gold dicono quanto vale un metodo, perché non contengono errori di un modello: tutto
# ciò che si perde, lo perde la decodifica. Il metodo più ovvio prende il primo posto in cui le parole
# compaiono:

# %%
from pathlib import Path
from statistics import fmean

from stages import encode
from stages.common import settings
from stages.tasks import hodi

folder = Path("data/sample/hodi")
hold_out = settings.read(encode.Settings).encode
by_split = hodi.read_items(folder, hold_out, with_gold=True)["hodi_b"]
posts = [post for split in by_split.values() for post in split]


def words(post):
    """What a model would copy: the spans of the gold, as they stand in the text."""
    return [post.text[span.start : span.end] for span in hodi.spans_of(post.gold)]


def first_place(text, segments):
    positions = set()
    for segment in segments:
        start = text.find(segment)
        positions |= set(range(start, start + len(segment)))
    return positions


def dice(found, gold):
    return 2 * len(found & gold) / (len(found) + len(gold)) if found or gold else 1.0


def in_order(text, answer):
    segments, _ = hodi.parse_answer(answer)
    places = [place for place in hodi.locate(text, segments) if place]
    return {i for place in places for i in range(place.start, place.end)}


with_spans = [post for post in posts if post.gold]
obvious = [dice(first_place(p.text, words(p)), p.gold) for p in with_spans]
careful = [dice(in_order(p.text, hodi.write_answer(p.text, p.gold)[0]), p.gold) for p in with_spans]
print(f"first place:      {fmean(obvious):.3f}, {sum(d < 1 for d in obvious)} posts damaged")
print(f"in order, marked: {fmean(careful):.3f}, {sum(d < 1 for d in careful)} posts damaged")

# %% [markdown] lang="en"
# Here spans are placed in the order in which the answer lists them, outside of words where possible; and
# where that would still pick another place, encode adds an *occurrence mark* to the answer, `[2]` for the
# second place ([decision 2](docs/decisions/0002-occurrence-marks.md)). **Gold survives** is a law of this
# project: gold answers, decoded, reach the perfect score in every task, and a test says so.
#
# ## Trap: yes and no swapped
#
# The reference's decoder looks for the *label word* in the answer, such as `non_odio`; but the model, as
# instructed, answers `no`. The word is never found, so each post becomes hateful. Nothing fails. What it
# costs, with answers that are all right:

# %% [markdown] lang="it"
# Qui i segmenti si collocano nell'ordine in cui la risposta li elenca, fuori dalle parole quando si può; e
# dove si prenderebbe comunque un altro posto, encode aggiunge alla risposta un *segno di occorrenza*, `[2]`
# per il secondo posto ([decisione 2](docs/decisions/0002-occurrence-marks.md)). **Il gold sopravvive** è una
# legge di questo progetto: le risposte gold, decodificate, raggiungono il punteggio perfetto in ogni
# compito, e un test lo verifica.
#
# ## Trappola: sì e no scambiati
#
# Il decodificatore del sistema di riferimento cerca nella risposta l'*etichetta*, per esempio `non_odio`;
# ma il modello, come gli è stato chiesto, risponde `no`. L'etichetta non si trova mai, e ogni post diventa
# odio. Nulla si interrompe. Quanto costa, con risposte tutte giuste:

# %%
from labs.tools import score_answers

test = load("haspeede").encode(Path("data/sample/haspeede"), hold_out).splits["test"]
right = {e.id: str(e.output) for e in test}
as_label = {question: "no" if "non_odio" in answer else "sì" for question, answer in right.items()}
swapped = {question: "no" if answer == "sì" else "sì" for question, answer in right.items()}
for name, answers in (("right", right), ("label", as_label), ("swapped", swapped)):
    print(f"{name:8} {score_answers('haspeede', answers)['haspeede_a'].value:.3f}")

# %% [markdown] lang="en"
# The second line is what a system gets that has learnt the task perfectly. A score at the level of the
# baseline is a reason to look at the files, before the model is blamed.
#
# ## Exercises
#
# 1. Write a parser for yes and no that agrees with the task's on all of these answers.

# %% [markdown] lang="it"
# La seconda riga è ciò che ottiene un sistema che ha imparato il compito alla perfezione. Un punteggio al
# livello della baseline è un motivo per guardare i file, prima di dare la colpa al modello.
#
# ## Esercizi
#
# 1. Scrivete un parser per sì e no che concordi con quello del compito su tutte queste risposte.

# %%
tricky = ["sì", "si", "SI!", "Sì.", " no ", "No...", "nope", "non so", "UNK", "", "sì o no"]

# %% tags=["solution"]
import unicodedata


def parse(answer):
    plain = unicodedata.normalize("NFD", answer.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return {"si": 1, "no": 0}.get(plain.strip(" .!"))


assert all(parse(answer) == acti.interpret("acti_a", answer) for answer in tricky)
print([parse(answer) for answer in tricky])

# %% [markdown] lang="en"
# 2. Take the places in order: each segment is looked for only after the end of the one before. How many of
#    the damaged posts does that alone repair, and what is left?

# %% [markdown] lang="it"
# 2. Prendete i posti in ordine: ogni segmento si cerca soltanto dopo la fine del precedente. Quanti dei post
#    danneggiati si riparano già così, e che cosa resta?


# %% tags=["solution"]
def one_after_the_other(text, segments):
    positions, start = set(), 0
    for segment in segments:
        start = text.find(segment, start)
        positions |= set(range(start, start + len(segment)))
        start += len(segment)
    return positions


ordered = [dice(one_after_the_other(p.text, words(p)), p.gold) for p in with_spans]
left = [p for p, value in zip(with_spans, ordered) if value < 1]
assert fmean(careful) == 1 >= fmean(ordered) >= fmean(obvious)
print(f"{sum(d < 1 for d in obvious)} damaged posts become {len(left)}")
for p in left[:2]:
    print(words(p), "in", p.text)
