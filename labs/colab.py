# ruff: noqa
# %% [markdown]
# # One model for shared tasks of EVALITA 2023, on a T4
#
# This notebook clones the project, installs it, fetches the tasks whose data are open, fine-tunes a small
# pretrained base with LoRA, answers the test sets, and ends with the organisers' scores and a plot. In
# Colab choose *Runtime, Change runtime type, T4 GPU* first. With `SMALL = True` it runs the same steps in a
# minute or two on a CPU, with the small base and the invented sample that come with the project.
#
# The base is [Zagreus-0.4B-ita](https://huggingface.co/mii-llm/zagreus-0.4B-ita), a LLaMA of 0.4 billion
# parameters pretrained on Italian and English from scratch (Apache 2.0, no login). Any base of docs/bases.md
# will do. One whose terms have to be accepted, such as `sapienzanlp/Minerva-350M-base-v1.0`, also needs your
# token of the hub in the environment variable `HF_TOKEN`. A T4 computes in fp16: a base whose numbers do not
# fit is refused by name before training, and one of 7 billion parameters needs
# `"model": {"quantization": "nf4"}` among the settings.
#
# *Questo notebook clona il progetto, lo installa, scarica i compiti con dati aperti, addestra con LoRA una
# piccola base preaddestrata, risponde ai test set e termina con i punteggi degli organizzatori e un grafico.
# In Colab scegliete prima Runtime, Cambia tipo di runtime, GPU T4. Con `SMALL = True` svolge gli stessi passi
# in un paio di minuti su una CPU, con la base minima e il campione inventato del progetto. La base è
# Zagreus-0.4B-ita, un LLaMA di 0,4 miliardi di parametri preaddestrato da zero su italiano e inglese (Apache
# 2.0, senza login); va bene ogni altra di docs/bases.md.*

# %%
SMALL = False
REPOSITORY = ""  # the address of your copy of the project, which is cloned
BASE = "mii-llm/zagreus-0.4B-ita"
TASKS = ["wicita", "nermud", "discotex", "emotivita"]
SETTINGS = {"finetune": {"cap": 1000, "epochs": 2, "batch": 32, "learning_rate": 3.0e-4}}

# %% [markdown]
# ## Clone and install
#
# Everything runs in processes of its own, so that packages which the notebook has loaded before do not matter.
# Colab's own PyTorch is kept, which suits its driver.

# %%
import json
import os
import sys
from pathlib import Path

if not Path("dvc.yaml").exists():
    if not REPOSITORY:
        raise SystemExit("REPOSITORY: expected the address of your copy of the project")
    # !git clone --quiet $REPOSITORY project
    # %cd project
    # !$sys.executable -m pip install --quiet --editable .
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

# %% [markdown]
# ## Choose data, base and settings
#
# What differs from `params.yaml` is written into it; [docs/settings.md](docs/settings.md) explains each key.
# The base is stated with the commit and the token ids that the hub has today.

# %%
if SMALL:
    TASKS = ["acti"]
    SETTINGS = {"finetune": {"cap": 24, "epochs": 2}, "evaluate": {"resamples": 200}}
    profile = {"tasks": TASKS, "data": {"raw": "data/sample"}, **SETTINGS}
else:
    # !$sys.executable -m analysis.data {" ".join(TASKS)}
    # !$sys.executable -m analysis.base $BASE
    profile = {"tasks": TASKS, "data": {"raw": "data/raw"}, **SETTINGS}
Path("profile.json").write_text(json.dumps(profile), encoding="utf-8")
# !$sys.executable -m stages.common.settings profile.json
# !$sys.executable -m stages.check

# %% [markdown]
# ## Run the pipeline
#
# Encode, fine-tune, infer, decode, evaluate. Run the cell again after an interruption: it goes on where it
# stopped.

# %%
# !dvc repro

# %% [markdown]
# ## The table
#
# Each ranked unit with the organisers' metric, a 95 % interval over the test items, the majority or mean
# baseline, and linear models that count words. With `SMALL` the figures only show that the steps work.

# %%
# !$sys.executable -m analysis.scores

# %% [markdown]
# ## The plot

# %%
from IPython.display import SVG, display

# !$sys.executable -m analysis.plots --svg
display(SVG("dvc_plots/scores.svg"))

# %% [markdown]
# ## Ask a question

# %%
# !$sys.executable -m analysis.ask --examples
