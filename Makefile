# `make` prints the targets. On a fresh machine only Python 3.11 or newer, git and make are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install repro report experiments test lint docs format plots clean

help: ## print this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/installed

install: $(VENV)/installed ## create .venv and install the pipeline

repro: $(VENV)/installed ## run the pipeline, dvc repro, and print the scores
	$(BIN)/dvc repro
	$(BIN)/python -m analysis.scores

plots: $(VENV)/installed ## draw the plots: dvc plots show
	$(BIN)/dvc plots show

report: $(VENV)/installed ## write report.html, a page about the last run
	$(BIN)/python -m analysis.report

# Of DVC's hundreds of columns: the headline, what was changed, and costs; with UNIT, that unit's score.
UNIT :=
KEEP := (Experiment|headline|units\.$(UNIT)\.(value|low|high)|finetune\..*|seconds|peak_memory_gib|energy_kwh|co2e_kg)$$
experiments: $(VENV)/installed ## list the experiments: dvc exp show
	$(BIN)/dvc exp show --hide-failed --drop '.*' --keep '$(KEEP)'

lint: $(VENV)/installed-test ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint ## lint, check types and run the tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -n logical --maxprocesses 8 --dist worksteal

docs: $(VENV)/installed ## refresh the generated parts of README.md and docs
	$(BIN)/python -m recipes.tables

format: $(VENV)/installed-test ## reformat the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## delete what can be made again, except DVC's cache
	rm -rf $(VENV) .scratch dvc_plots build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
