# ruff: noqa
# %% [markdown]
# # One model for shared tasks of EVALITA 2023, on a T4
#
# This notebook clones the project, installs it, fetches the tasks whose data are open, fine-tunes a small
# pretrained base with LoRA, answers the test sets, and ends with the organisers' scores and a plot. In
# Colab choose *Runtime, Change runtime type, T4 GPU* first. With `SMALL = True` it runs the same steps in a
# minute or two on a CPU, with the small base and the invented sample that come with the project.
#
# *Questo notebook clona il progetto, lo installa, scarica i compiti con dati aperti, addestra con LoRA una
# piccola base preaddestrata, risponde ai test set e termina con i punteggi degli organizzatori e un grafico.
# In Colab scegliete prima Runtime, Cambia tipo di runtime, GPU T4. Con `SMALL = True` svolge gli stessi passi
# in un paio di minuti su una CPU, con la base minima e il campione inventato del progetto.*

# %%
SMALL = False
REPOSITORY = ""  # the address of your copy of the project, which is cloned
BASE = "sapienzanlp/Minerva-350M-base-v1.0"  # any base of docs/bases.md; gated ones need a login
TASKS = ["wicita", "nermud", "discotex", "emotivita"]
SETTINGS = {"finetune": {"cap": 1000, "epochs": 2, "batch": 32, "learning_rate": 3.0e-4}}

# %% [markdown]
# ## Clone and install

# %%
import os
import sys
from pathlib import Path

if not Path("dvc.yaml").exists():
    if not REPOSITORY:
        raise SystemExit("REPOSITORY: expected the address of your copy of the project")
    # !git clone --quiet $REPOSITORY project
    # %cd project
    # !$sys.executable -m pip install --quiet --editable .
sys.path.insert(0, str(Path.cwd()))
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

# %% [markdown]
# ## Choose data, base and settings
#
# What differs from `params.yaml` is written into it; [docs/settings.md](docs/settings.md) explains each key.
# The base is stated with the commit and the token ids that the hub has today.

# %%
from ruamel.yaml import YAML

from stages.common import settings

if SMALL:
    TASKS = ["acti"]
    SETTINGS = {"finetune": {"cap": 24, "epochs": 2}, "evaluate": {"resamples": 200}}
    profile = {"tasks": TASKS, "data": {"raw": "data/sample"}, **SETTINGS}
else:
    # !$sys.executable -m analysis.data {" ".join(TASKS)}
    # !$sys.executable -m analysis.base $BASE
    profile = {"tasks": TASKS, "data": {"raw": "data/raw"}, **SETTINGS}
with open("profile.yaml", "w", encoding="utf-8") as file:
    YAML().dump(profile, file)
settings.apply(Path("profile.yaml"))
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

from analysis.report import dvc_plots
from vl_convert import vegalite_to_svg

display(SVG(vegalite_to_svg(dvc_plots()["Scores"])))

# %% [markdown]
# ## Ask a question

# %%
# !$sys.executable -m analysis.ask --examples
