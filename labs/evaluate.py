# ruff: noqa
# %% [markdown] lang="en"
# # Lab 5: Evaluate
#
# *In this lab: why each task has its metric, what an interval says, and how a score is flattered.*
# ([In italiano](docs/it/labs/evaluate.md); as a program: [labs/evaluate.py](labs/evaluate.py); before:
# [Decode](docs/labs/decode.md); next: [Compare](docs/labs/compare.md))
#
# Evaluate scores the *submission files*, as the organisers do. Here are the scores of a small run, with the
# majority baseline, which says the most frequent training answer whatever it is asked:

# %% [markdown] lang="it"
# # Laboratorio 5: valutare
#
# *In questo laboratorio: perché ogni compito ha la sua metrica, che cosa dice un intervallo, e come si
# abbellisce un punteggio.* ([In English](docs/labs/evaluate.md); come programma:
# [labs/evaluate.py](labs/evaluate.py); prima: [Decodificare](docs/it/labs/decode.md); poi:
# [Confrontare](docs/it/labs/compare.md))
#
# Evaluate valuta i *file consegnati*, come fanno gli organizzatori. Ecco i punteggi di una piccola
# esecuzione, con la baseline di maggioranza, che dà la risposta più frequente dell'addestramento qualunque
# cosa le si chieda:

# %% tags=["varies"]
import json

from labs.tools import small_run

run = small_run()
units = json.loads((run / "metrics" / "evaluate.json").read_text(encoding="utf-8"))["units"]
for name, unit in units.items():
    low, high = unit["low"], unit["high"]
    print(
        f"{name:7} {unit['metric']:8} {unit['value']:.3f} [{low:.3f}, {high:.3f}]"
        f"  baseline {unit['baseline']:.3f}  {unit['n']} items"
    )

# %% [markdown] lang="en"
# ## Why this metric
#
# Suppose that one tweet in ten is hateful. Who always says `no` is right in nine cases of ten, and has found
# nothing. **Macro F1** takes F1 of each class, and then the mean, so that a class that is never found costs
# half of the score. Let us answer `no` throughout:

# %% [markdown] lang="it"
# ## Perché questa metrica
#
# Supponiamo che un tweet su dieci contenga odio. Chi dice sempre `no` ha ragione nove volte su dieci, e non
# ha trovato nulla. La **macro F1** prende la F1 di ogni classe e poi la media, così che una classe mai
# trovata costa metà del punteggio. Rispondiamo sempre `no`:

# %%
from sklearn.metrics import accuracy_score, f1_score

gold = ["sì"] * 10 + ["no"] * 90
always_no = ["no"] * 100
print(f"accuracy {accuracy_score(gold, always_no):.2f}")
print(f"macro F1 {f1_score(gold, always_no, average='macro', zero_division=0):.2f}")

# %% [markdown] lang="en"
# Other answers, other metrics: positions of characters are compared by Dice, numbers by their correlation,
# places by the distance in kilometres ([all tasks](docs/tasks.md)).
#
# ## What an interval says
#
# The test set is a sample: with other posts the score would have been another. The **bootstrap** draws as
# many items as there are, with replacement, scores them, and does so a thousand times; the middle 95 % of the
# scores are the interval. Gold answers of which a few are wrong make that visible without a model:

# %% [markdown] lang="it"
# Altre risposte, altre metriche: le posizioni dei caratteri si confrontano con il Dice, i numeri con la
# correlazione, i luoghi con la distanza in chilometri ([tutti i compiti](docs/tasks.md)).
#
# ## Che cosa dice un intervallo
#
# Il test set è un campione: con altri post il punteggio sarebbe stato un altro. Il **bootstrap** estrae con
# reimmissione tanti elementi quanti ce ne sono, li valuta, e lo fa mille volte; il 95 % centrale dei punteggi
# è l'intervallo. Risposte gold con qualche errore lo mostrano senza bisogno di un modello:

# %%
import random
from pathlib import Path

from labs.tools import score_answers
from stages import encode
from stages.common import settings
from stages.tasks import load
from stages.toolkit.scores import interval
from stages.toolkit.settings import Bootstrap

hold_out = settings.read(encode.Settings).encode
bootstrap = Bootstrap(resamples=1000, seed=5)
test = load("haspeede").encode(Path("data/sample/haspeede"), hold_out).splits["test"]


def with_mistakes(share, seed):
    draw = random.Random(seed)
    other = {"sì": "no", "no": "sì"}
    return {e.id: other[e.output] if draw.random() < share else e.output for e in test}


unit = score_answers("haspeede", with_mistakes(0.2, seed=1))["haspeede_a"]
low, high = interval(unit.sample, bootstrap)
print(f"{unit.n} items: {unit.value:.3f}, 95 % interval {low:.3f} to {high:.3f}")

# %% [markdown] lang="en"
# Two systems that differ by less than the width of such an interval may differ by luck.
#
# ## Trap: the epoch chosen on the test set
#
# Train for ten epochs, score each on the test set, and report the best one. Each score is honest; their
# *maximum* is not, for it picks the epoch that was lucky on these items. How much does it flatter? Let ten
# "epochs" be equally good, each with mistakes in a fifth of the answers, drawn anew:

# %% [markdown] lang="it"
# Due sistemi che differiscono meno dell'ampiezza di un tale intervallo possono differire per caso.
#
# ## Trappola: l'epoca scelta sul test set
#
# Si addestra per dieci epoche, si valuta ciascuna sul test set e si riporta la migliore. Ogni punteggio è
# onesto; il loro *massimo* no, perché sceglie l'epoca che ha avuto fortuna su quegli elementi. Quanto
# abbellisce? Siano dieci «epoche» ugualmente buone, ciascuna con errori in un quinto delle risposte,
# estratti ogni volta da capo:

# %%
from statistics import fmean


def epochs(trial):
    seeds = range(10 * trial, 10 * trial + 10)
    return [score_answers("haspeede", with_mistakes(0.2, s))["haspeede_a"].value for s in seeds]


trials = [epochs(trial) for trial in range(8)]
honest = fmean(value for scores in trials for value in scores)
flattered = fmean(max(scores) for scores in trials)
print(f"mean of all epochs {honest:.3f}, mean of the best {flattered:.3f}")
print(f"choosing on the test set is worth {flattered - honest:+.3f}, for nothing")

# %% [markdown] lang="en"
# Here the *dev loss* chooses (`finetune.keep`), and infer and decode never read a gold answer of the test set.
#
# ## Exercises
#
# 1. Choose the epoch on a dev set instead: draw dev scores and test scores of the ten epochs apart, take the
#    epoch that is best on dev, and report its test score. What is left of the flattery?

# %% [markdown] lang="it"
# Qui sceglie la *loss sul dev set* (`finetune.keep`), e infer e decode non leggono mai una risposta gold del
# test set.
#
# ## Esercizi
#
# 1. Scegliete invece l'epoca su un dev set: estraete separatamente punteggi di dev e di test per le dieci
#    epoche, prendete la migliore sul dev e riportate il suo punteggio di test. Che cosa resta
#    dell'abbellimento?

# %% tags=["solution"]
on_dev = trials[1:] + trials[:1]  # scores of other draws: independent of those on the test set
chosen = [scores[dev.index(max(dev))] for dev, scores in zip(on_dev, trials)]
assert abs(fmean(chosen) - honest) < flattered - honest
print(f"chosen on dev: {fmean(chosen):.3f}, {fmean(chosen) - honest:+.3f} from the mean of all")

# %% [markdown] lang="en"
# 2. How many test items are needed for an interval of ±0.05? Repeat the items of the sample, and see how the
#    interval narrows.

# %% [markdown] lang="it"
# 2. Quanti elementi di test servono per un intervallo di ±0,05? Ripetete gli elementi del campione e guardate
#    come l'intervallo si restringe.

# %% tags=["solution"]
from dataclasses import replace

import numpy as np

widths = {}
for times in (1, 4, 16):
    sample = unit.sample
    repeated = replace(sample, terms=np.tile(sample.terms, (times, 1)), strata=None)
    low, high = interval(repeated, bootstrap)
    widths[times] = high - low
    print(f"{times * unit.n:5} items: ±{(high - low) / 2:.3f}")
assert widths[1] > widths[4] > widths[16]  # half as wide with four times as many
