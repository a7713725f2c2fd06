# `make` prints the targets. On a fresh machine only Python 3.11 or newer, git and make are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The versions to install: `make CONSTRAINTS= TARGET` takes the newest that pyproject.toml allows.
CONSTRAINTS := constraints.txt
PIP_INSTALL = $(BIN)/pip install --quiet $(CONSTRAINTS:%=--constraint %)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install upgrade repro report base experiments quick test test-gpu lint audit docs format plots clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
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

plots: $(VENV)/installed ## draw the plots: dvc plots show
	$(BIN)/dvc plots show

report: $(VENV)/installed ## write report.html, a page about the last run
	$(BIN)/python -m analysis.report

B :=
base: $(VENV)/installed ## state another base, B=org/name or a folder, in params.yaml
	$(BIN)/python -m analysis.base $(B)

# Of DVC's hundreds of columns: the headline, what was changed, and costs; with UNIT, that unit's score.
UNIT :=
KEEP := (Experiment|headline|units\.$(UNIT)\.(value|low|high)|finetune\..*|seconds|peak_memory_gib|energy_kwh|co2e_kg)$$
experiments: $(VENV)/installed ## list the experiments: dvc exp show
	$(BIN)/dvc exp show --hide-failed --drop '.*' --keep '$(KEEP)'

lint: $(VENV)/installed-test ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One thread a process: the tests run on all cores at once.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n logical --maxprocesses 8 --dist worksteal

quick: lint ## lint, and the tests that start no process: in a minute or two
	QUICK=1 $(PYTEST) -m 'not process and not gpu and not long'

test: lint ## lint, check types and run all tests
	$(PYTEST)

test-gpu: $(VENV)/installed-test ## run the tests that need a GPU; without one they say so
	$(BIN)/pytest -m gpu -rs tests/gpu

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

docs: $(VENV)/installed ## refresh the generated parts of README.md and docs
	$(BIN)/python -m recipes.tables

format: $(VENV)/installed-test ## reformat the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## delete what can be made again, except DVC's cache
	rm -rf $(VENV) $(AUDIT) .scratch dvc_plots build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
