# A fresh clone needs Python 3.11–3.13, make, and access to a package index. Start with `make boston`.

# The first of these that is Python 3.11–3.13 creates .venv; name another one with `make PYTHON=…`.
PYTHON ?= python3 python3.13 python3.12 python3.11
# The Python of test-lowest and test-newest, and the tests that they run: those that a dependency is
# likeliest to break.
TEST_PYTHON ?= $(BIN)/python
VERSION_TESTS := tests/rows tests/model tests/training/test_fit.py tests/training/test_steps.py \
  tests/training/test_updates.py tests/report/test_plots.py tests/report/test_serving.py \
  tests/cli/test_init.py tests/tables/test_formats_agree.py
ARGS ?=

BIN := .venv/bin
TRAIN := $(BIN)/python -m kerasrecipes train
TEST := $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.NOTPARALLEL:  # two pips must not change one environment at a time
.PHONY: help boston cancer fashion optimizers seeds-table bench
.PHONY: test coverage test-slow reliability test-lowest test-newest lint format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'ARGS passes further arguments: make boston ARGS="epochs=10"; make test ARGS="-k splits"'

boston: .venv/.installed ## train a regression on Boston housing and print the path of its report
	$(TRAIN) configs/boston.yaml $(ARGS)

cancer: .venv/.installed ## train a two-layer network on the breast-cancer table
	$(TRAIN) configs/cancer_dual.yaml $(ARGS)

fashion: .venv/.installed ## train a network with relu and Adam on Fashion-MNIST
	$(TRAIN) configs/fashion_relu_adam.yaml $(ARGS)

optimizers: .venv/.installed ## train the six relu recipes and compare them
	$(BIN)/python -m kerasrecipes compare configs/fashion_relu_*.yaml $(ARGS)

seeds-table: .venv/.installed ## train each shipped recipe with five seeds and write configs/README.md
	$(BIN)/python -m benchmarks.seeds_table $(ARGS)

bench: .venv/.installed ## measure speed and memory beside other libraries and write docs/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

test: .venv/.installed-dev ## run the tests, except the slow ones
	$(TEST) $(ARGS)

coverage: .venv/.installed-dev ## run the same tests and report how much of the code they cover
	$(TEST) --cov --cov-report=html $(ARGS)
	@echo "Coverage: $$($(BIN)/coverage report --format=total) %. By line: build/coverage/index.html"

test-slow: .venv/.installed-dev ## train the shipped recipes in full and check their scores
	$(BIN)/python -m pytest -n 2 --dist load -m "slow and not reliability" $(ARGS)

reliability: .venv/.installed-dev ## run the tests of docs/reliability.md, the slow ones too, and write it
	$(BIN)/python -m pytest -n 2 --dist loadfile -p tests.reliability.page -m reliability \
	  --reliability-page docs/reliability.md $(ARGS)

test-lowest: RESOLUTION := lowest-direct
test-lowest: ## run a subset with the lowest releases that pyproject.toml allows
test-newest: RESOLUTION := highest
test-newest: ## run a subset with the newest releases that pyproject.toml allows
test-lowest test-newest: test-%: .venv/.installed-dev
	$(BIN)/uv venv --quiet --clear --python $(TEST_PYTHON) .venv-$*
	$(BIN)/uv pip install --quiet --python .venv-$* --resolution $(RESOLUTION) -e '.[test]'
	.venv-$*/bin/python -m pytest -n 2 --dist loadfile -m "not (slow and reliability)" $(VERSION_TESTS) $(ARGS)
	rm -rf .venv-$*  # 3 GB

lint: .venv/.installed-dev ## check style, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.installed-dev ## format the code and apply safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove environments, builds and caches; runs/ is kept
	rm -rf .venv .venv-lowest .venv-newest build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

.venv/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing into .venv, once: TensorFlow is large, so this takes some minutes.'
	$(INSTALL) -e .
	@touch $@

.venv/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing into .venv, once: TensorFlow is large, so this takes some minutes.'
	$(INSTALL) -e '.[dev]'
	@touch .venv/.installed $@

# TensorFlow, as constraints.txt pins it, has no wheels for Python 3.14.
$(BIN)/python:
	@for python in $(PYTHON); do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	  then exec $$python -m venv .venv; fi; \
	done; \
	echo 'kerasrecipes requires Python 3.11, 3.12 or 3.13. Found none of them as: $(PYTHON).' >&2; \
	echo 'Name one: make PYTHON=/path/to/python3.12 …' >&2; \
	exit 1
