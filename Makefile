# What people do every day. `make` alone says what there is.
PYTHON ?= python3
# Options for pip when it installs torch, such as the --index-url that PyTorch's installation
# selector prints for the CPU build. torch's own dependencies still come from the usual index.
TORCH_ARGS ?=

PACKAGES := search_spaces trainables cluster analysis
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup sweep test test-long lint bench bench-peers

help:
	@echo 'make setup      create .venv and install Ratefront with its pinned dependencies'
	@echo 'make sweep      sweep all codecs over embedded motion (DATA=folder OUT=folder)'
	@echo 'make test       lint, then the examples in docstrings and every test not marked long'
	@echo 'make test-long  the tests marked long'
	@echo 'make lint       ruff, mypy and the arrows between the packages'
	@echo 'make bench      every benchmark, in its quick form'
	@echo 'make bench-peers  install what benchmarks are measured against, each apart'
	@echo 'Another interpreter: make setup PYTHON=python3.12'

setup: $(STAMP)

# Without build isolation the editable install uses the pinned setuptools and fetches nothing twice.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'Ratefront needs Python 3.11 or newer, and "$(PYTHON)" is not that.' >&2; \
	    echo 'Name one that is: make setup PYTHON=/path/to/python3.11' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo 'Installing Ratefront into $(VENV) (torch is the largest part; this takes some minutes)'
	$(PIP) --quiet setuptools wheel
	$(PIP) $(if $(TORCH_ARGS),--no-deps $(TORCH_ARGS)) torch
	$(PIP) --quiet --no-build-isolation -e '.[dev]'
	@touch $(STAMP)

sweep: setup
	$(BIN)/ratefront sweep rate_distortion --size reduced \
	    --data '$(or $(DATA),embedded)' --out '$(or $(OUT),sweeps/first)'

test: lint
	$(BIN)/python -m pytest -m 'not long' --doctest-modules $(PACKAGES) tests

test-long: setup
	$(BIN)/python -m pytest -m long

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	@set -e; for benchmark in benchmarks/*.py; do \
	    echo "== $$benchmark"; $(BIN)/python "$$benchmark" --quick; done

# Each peer in an environment of its own: they bring what Ratefront has no use for, and versions
# that do not go together. One that does not install is said, and the others are made all the same.
PEERS := $(basename $(notdir $(wildcard benchmarks/search/environments/*.txt)))

bench-peers:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check pymoo==0.6.2
	@for peer in $(PEERS); do \
	    echo "== .venv-peers-$$peer"; \
	    listed=benchmarks/search/environments/$$peer.txt; \
	    $(PYTHON) -m venv .venv-peers-$$peer; \
	    pip=".venv-peers-$$peer/bin/python -m pip install --quiet --disable-pip-version-check"; \
	    { ! grep -q '^torch==' $$listed || \
	        $$pip $(if $(TORCH_ARGS),--no-deps $(TORCH_ARGS)) "$$(grep '^torch==' $$listed)"; } && \
	    $$pip -r $$listed || echo "$$peer does not install here; its arms are left out" >&2; \
	done
