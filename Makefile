# `make` prints the targets. On a fresh machine only Python 3.11 or newer, git and make are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The versions to install: `make CONSTRAINTS= TARGET` takes the newest that pyproject.toml allows.
CONSTRAINTS := constraints.txt
PIP_INSTALL = $(BIN)/pip install --quiet $(CONSTRAINTS:%=--constraint %)
# On Linux, pip's PyTorch brings 2.5 GB of CUDA's libraries. Without an NVIDIA GPU the build for CPUs is taken
# instead, of 190 MB; where its index cannot be reached, and with `make TORCH_INDEX= TARGET`, pip's own.
TORCH_INDEX := $(if $(filter Linux,$(shell uname)),$(if $(shell command -v nvidia-smi),,https://download.pytorch.org/whl/cpu))
PIP_TORCH = $(if $(and $(CONSTRAINTS),$(TORCH_INDEX)),-$(PIP_INSTALL) --no-deps --retries 1 --index-url $(TORCH_INDEX) torch)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install upgrade repro report integrity data submission base experiments clear-experiments study verify check export push-adapter demo grade site quick test test-gpu test-data lint audit docs format plots clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-19s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP_TORCH)
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP_TORCH)
	$(PIP_INSTALL) --editable '.[test]'
	@touch $@ $(VENV)/installed

install: $(VENV)/installed ## create .venv and install the pipeline

# A fresh environment has nothing but what the project needs. Comments stay. Local labels (+cpu) go, and so
# do the packages of CUDA that torch itself names by exact versions (nvidia-ml-py is none of them).
NEWEST := .venv-newest
upgrade: ## renew constraints.txt: the newest versions allowed, if all tests pass
	rm -rf $(NEWEST)
	$(MAKE) VENV=$(NEWEST) CONSTRAINTS= test
	$(NEWEST)/bin/pip freeze --exclude-editable > $(NEWEST)/versions
	( grep '^#' constraints.txt; \
	  sed -E 's/\+.*//; /^(cuda-|nvidia-[^m]|triton==)/d' $(NEWEST)/versions ) > .constraints.tmp
	mv .constraints.tmp constraints.txt
	rm -rf $(NEWEST)

repro: $(VENV)/installed ## run the pipeline, dvc repro, and print the scores
	$(BIN)/dvc repro
	$(BIN)/python -m analysis.scores

plots: $(VENV)/installed ## draw the plots: dvc plots show, on a page that needs no network
	$(BIN)/python -m analysis.plots

report: $(VENV)/installed ## write report.html, a page about the last run
	$(BIN)/python -m analysis.report

integrity: $(VENV)/installed ## compare DVC's cache and the outputs with their checksums
	$(BIN)/python -m analysis.integrity

TASKS :=
data: $(VENV)/installed ## fetch the public files of all tasks, or of TASKS="wicita nermud", into data/raw
	$(BIN)/python -m analysis.data $(TASKS)

submission: $(VENV)/installed ## pack the last run's submissions as the organisers want them sent
	$(BIN)/python -m analysis.submission

B :=
base: $(VENV)/installed ## state another base, B=org/name or a folder, in params.yaml
	$(BIN)/python -m analysis.base $(B)

UNIT :=
experiments: $(VENV)/installed ## list experiments: headlines, changed settings, costs, failures
	$(BIN)/python -m analysis.experiments $(UNIT:%=--unit %)

clear-experiments: $(VENV)/installed ## forget experiments that failed or were killed, and their folders
	$(BIN)/python -m analysis.experiments --clear

verify: $(VENV)/installed ## compare the last run with the committed scores: identical, within the spread of seeds?
	$(BIN)/python -m analysis.verify

S :=
study: $(VENV)/installed ## make the runs of studies/S.yaml, S=rank, that are missing, and report
	$(BIN)/python -m analysis.study $(S)

check: $(VENV)/installed ## check the settings of params.yaml and of queued experiments
	$(BIN)/python -m analysis.settings

# Of the merged model; bfloat16 halves it, and rounds.
DTYPE := float32
export: $(VENV)/installed ## write export/: adapter with its card, merged model, GGUF
	$(BIN)/python -m analysis.export --dtype $(DTYPE)

TO :=
REALLY :=
push-adapter: $(VENV)/installed ## show what TO=org/name on the Hub would get; REALLY=1 sends it
	$(BIN)/python -m analysis.push $(TO) $(REALLY:%=--really)

lint: $(VENV)/installed-test ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One thread a process: the tests run on all cores at once.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n logical --maxprocesses 8 --dist worksteal

# One core checks types while the others begin with the tests.
.PHONY: quick-tests all-tests
quick: $(VENV)/installed-test ## lint, and the tests that start no process: in a minute or two
	$(MAKE) -j 2 lint quick-tests

test: $(VENV)/installed-test ## lint, check types and run all tests
	$(MAKE) -j 2 lint all-tests

quick-tests: $(VENV)/installed-test
	QUICK=1 $(PYTEST) -m 'not process and not gpu and not long'

all-tests: $(VENV)/installed-test
	$(PYTEST)

test-gpu: $(VENV)/installed-test ## run the tests that need a GPU; without one they say so
	$(BIN)/pytest -m gpu -rs tests/gpu

RAW := data/raw
test-data: $(VENV)/installed-test ## check that gold survives on your own files, in data/raw
	RAW=$(RAW) $(BIN)/pytest -rs tests/tasks/test_own_data.py
# Licences that the project may depend on, as their packages name them (a part of the name is enough).
# DVC brings two packages under the GPL, which this project does not import: grandalf, and pygit2 with
# an exception for linking.
LICENCES := MIT;BSD;Apache;ISC;PSF;Python Software Foundation;MPL;Mozilla;LGPL;Zope;EPL-2.0;GPLv2 with linking
AUDIT := .venv-audit
audit: $(VENV)/installed-test ## look up known vulnerabilities and licences of the pinned versions
	$(BIN)/python -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet pip-audit==2.10.1 pip-licenses==5.5.5
	$(AUDIT)/bin/pip-audit --requirement $(CONSTRAINTS) --no-deps --disable-pip --strict
	$(AUDIT)/bin/pip-licenses --python=$(BIN)/python --partial-match --allow-only '$(LICENCES)' \
	  --ignore-packages grandalf --summary

HANDIN := handin
grade: $(VENV)/installed ## score the exercise of the labs handed in as a folder, HANDIN=handin, and say what is missing
	$(BIN)/python -m analysis.grade $(HANDIN)

site: $(VENV)/installed-test ## make a site of docs: build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

demo: $(VENV)/installed ## ask the model in a browser, on this machine alone
	$(BIN)/python -m analysis.demo

docs: $(VENV)/installed ## refresh the generated parts of README.md and docs, and the labs' pages
	$(BIN)/python -m recipes.tables
	$(BIN)/python -m recipes.labs

format: $(VENV)/installed-test ## reformat the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## delete what can be made again, except DVC's cache
	rm -rf $(VENV) $(AUDIT) .scratch dvc_plots build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
