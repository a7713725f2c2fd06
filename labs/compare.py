# ruff: noqa
# %% [markdown] lang="en"
# # Lab 6: Compare
#
# *In this lab: is one setting better than another? What items, seeds and the number of questions have to do
# with it.* ([In italiano](docs/it/labs/compare.md); as a program: [labs/compare.py](labs/compare.py);
# before: [Evaluate](docs/labs/evaluate.md); next: [the exercise](docs/labs/exercise.md))
#
# The question of this project: what does a LoRA setting change? Let us train twice, with ranks 1 and 16, on
# a few questions of ACTI, and compare the submissions:

# %% [markdown] lang="it"
# # Laboratorio 6: confrontare
#
# *In questo laboratorio: un'impostazione è migliore di un'altra? Che cosa c'entrano gli elementi, i semi
# casuali e il numero delle domande.* ([In English](docs/labs/compare.md); come programma:
# [labs/compare.py](labs/compare.py); prima: [Valutare](docs/it/labs/evaluate.md); poi:
# [l'esercizio](docs/it/labs/exercise.md))
#
# La domanda di questo progetto: che cosa cambia un'impostazione di LoRA? Addestriamo due volte, con rango 1
# e 16, su poche domande di ACTI, e confrontiamo i file consegnati:

# %% tags=["varies"]
from analysis.compare import table
from analysis.differences import adjusted, compare, scores
from labs.tools import SAMPLE, small_run
from stages.common import settings
from stages.evaluate import Settings, evaluate

few = {"tasks": ["acti"], "finetune__epochs": 3}
known = settings.read(Settings).model_copy(update={"tasks": ["acti"]})


def scored(**changes):
    run = small_run(upto="decode", **few, **changes)
    return evaluate(SAMPLE, run / "submissions", known)


rank_1 = scored(finetune__lora__rank=1)
rank_16 = scored(finetune__lora__rank=16)


def compared(a, b):
    sides = [scores([run], known.evaluate) for run in (a, b)]
    return adjusted({"B": compare(*sides)})["B"]


print(table(compared(rank_1, rank_16), {}))

# %% [markdown] lang="en"
# A is rank 1, B rank 16. Both are scored on the *same* resamples of the test items (a **paired** bootstrap):
# an item that is hard for both does not count as a difference, and the interval is narrower than those of the
# two scores suggest. The column *better* follows *q*, which allows for the number of comparisons; where it stays
# empty, nobody is better. With DVC the same takes two lines:
#
# ```console
# $ dvc exp run --queue -n rank -S finetune.lora.rank=1,16   # rank-1 and rank-2
# $ dvc queue start -j 1
# $ python -m analysis.compare rank-1 rank-2
# ```
#
# ## Trap: one run, one winner
#
# That interval knows of the test items only. Another **seed** means other initial weights and another order
# of the examples, and another score. How far apart are two runs that differ in nothing else?

# %% [markdown] lang="it"
# A è il rango 1, B il rango 16. Entrambi si valutano sugli *stessi* ricampionamenti degli elementi di test
# (un bootstrap **appaiato**): un elemento difficile per entrambi non conta come differenza, e l'intervallo è
# più stretto di quanto suggeriscano quelli dei due punteggi. La colonna *better* segue *q*, che tiene conto del
# numero dei confronti; dove resta vuota nessuno è migliore. Con DVC bastano due righe:
#
# ```console
# $ dvc exp run --queue -n rank -S finetune.lora.rank=1,16   # rank-1 e rank-2
# $ dvc queue start -j 1
# $ python -m analysis.compare rank-1 rank-2
# ```
#
# ## Trappola: una sola esecuzione, un vincitore
#
# Quell'intervallo conosce soltanto gli elementi di test. Un altro **seme** significa altri pesi iniziali e un
# altro ordine degli esempi, e un altro punteggio. Quanto distano due esecuzioni che non differiscono in
# nient'altro?

# %% tags=["varies"]
other_seed = scored(finetune__lora__rank=16, finetune__seed=2)
for unit in rank_16:
    ranks = rank_16[unit].value - rank_1[unit].value
    seeds = other_seed[unit].value - rank_16[unit].value
    print(f"{unit}: rank 16 instead of 1 {ranks:+.3f}, seed 2 instead of 1 {seeds:+.3f}")

# %% [markdown] lang="en"
# A difference between settings that is no larger than that between seeds says nothing yet. One run is one
# draw: compare settings over several seeds (`make study`).
#
# ## Trap: 22 questions
#
# At a level of 5 % one comparison in twenty looks like a discovery where there is none. The table has 22
# units. How often is at least one of them "significant" although both systems are equally good?

# %% [markdown] lang="it"
# Una differenza fra impostazioni che non supera quella fra semi non dice ancora nulla. Un'esecuzione è una
# sola estrazione: le impostazioni si confrontano su più semi (`make study`).
#
# ## Trappola: 22 domande
#
# Al livello del 5 % un confronto su venti sembra una scoperta anche dove non c'è nulla. La tabella ha 22
# unità. Quante volte almeno una risulta «significativa» benché i due sistemi siano ugualmente buoni?

# %%
import numpy as np
from scipy.stats import false_discovery_control

# Of 2000 campaigns without any difference.
p_values = np.random.default_rng(7).uniform(size=(2000, 22))
some_p = (p_values < 0.05).any(axis=1).mean()
some_q = (false_discovery_control(p_values, axis=1) < 0.05).any(axis=1).mean()
print(f"a p below 0.05 somewhere: {some_p:.0%} of all tables; a q below 0.05: {some_q:.0%}")

# %% [markdown] lang="en"
# That is what the column *q* is for.
#
# ## Exercises
#
# 1. Compare a run with itself. What do the table's columns say, and why?

# %% [markdown] lang="it"
# A questo serve la colonna *q*.
#
# ## Esercizi
#
# 1. Confrontate un'esecuzione con sé stessa. Che cosa dicono le colonne della tabella, e perché?

# %% tags=["solution"]
itself = compared(rank_1, rank_1)
for unit, d in itself.items():
    assert d.a == d.b and d.low == d.high == 0 and d.p == 1 and not d.better
    print(f"{unit}: difference {d.b - d.a:.3f}, interval {d.low:.3f} to {d.high:.3f}, p {d.p:.0f}")

# %% [markdown] lang="en"
# 2. How many seeds would you need? Say that scores of one setting scatter with a standard deviation of 0.02,
#    and that you want to see a difference of 0.02 between the means of two settings: the difference should be
#    at least twice its standard error.

# %% [markdown] lang="it"
# 2. Quanti semi servirebbero? Poniamo che i punteggi di un'impostazione abbiano una deviazione standard di
#    0,02 e che vogliate vedere una differenza di 0,02 fra le medie di due impostazioni: la differenza deve
#    essere almeno il doppio del suo errore standard.

# %% tags=["solution"]
deviation, difference = 0.02, 0.02
seeds = next(n for n in range(1, 100) if difference >= 2 * (2 * deviation**2 / n) ** 0.5)
assert seeds == 8
print(seeds, "seeds of each setting")
