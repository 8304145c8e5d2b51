# On a fresh clone, with Python, make and a package index: `make boston`.

# The first of these that fits makes .venv; name another one with `make PYTHON=…`.
PYTHON ?= python3 python3.13 python3.12 python3.11
ARGS ?=

BIN := .venv/bin
TRAIN := $(BIN)/python -m kerasrecipes train
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.NOTPARALLEL:  # two pips must not work on one environment
.PHONY: help boston cancer fashion optimizers seeds-table bench test test-slow lint format clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'ARGS are handed on: make boston ARGS="epochs=10"; make test ARGS="-k splits"'

boston: .venv/.installed ## train the Boston housing regression and say where its report is
	$(TRAIN) configs/boston.yaml $(ARGS)

cancer: .venv/.installed ## train the two-layer network on the breast-cancer table
	$(TRAIN) configs/cancer_dual.yaml $(ARGS)

fashion: .venv/.installed ## train relu + Adam on Fashion-MNIST
	$(TRAIN) configs/fashion_relu_adam.yaml $(ARGS)

optimizers: .venv/.installed ## train the six relu recipes and show them side by side
	$(BIN)/python -m kerasrecipes compare configs/fashion_relu_*.yaml $(ARGS)

seeds-table: .venv/.installed ## train every recipe with five seeds and write configs/README.md
	$(BIN)/python -m benchmarks.seeds_table $(ARGS)

bench: .venv/.installed ## time it against what people would write, and write docs/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

test: .venv/.installed-dev ## run the tests, but for the slow ones
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" $(ARGS)

test-slow: .venv/.installed-dev ## train the shipped recipes in full and hold them to their bands
	$(BIN)/python -m pytest -n 2 --dist load -m slow $(ARGS)

lint: .venv/.installed-dev ## check style, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.installed-dev ## format the code and apply the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the environment, builds and caches; runs/ stays
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

.venv/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing TensorFlow and the rest into .venv: some minutes, once.'
	$(INSTALL) -e .
	@touch $@

.venv/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing TensorFlow and the rest into .venv: some minutes, once.'
	$(INSTALL) -e '.[dev]'
	@touch .venv/.installed $@

# TensorFlow, as constraints.txt pins it, has no wheels for Python 3.14.
$(BIN)/python:
	@for python in $(PYTHON); do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	  then exec $$python -m venv .venv; fi; \
	done; \
	echo 'kerasrecipes needs Python 3.11, 3.12 or 3.13, and none of these is one: $(PYTHON).' >&2; \
	echo 'Name one that is: make PYTHON=/path/to/python3.12 …' >&2; \
	exit 1
