# Two commands on a fresh machine: `make demo` and `make test`. Everything else is a part of them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
SCENARIO ?= gitops-35
IMAGES ?= auto
DEMO ?= demo

.PHONY: help demo test test-all unit contract e2e lint format bench bundle host venv venv-dev clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

demo: host bundle ## bring the demo up, measure it, write the PDF (IMAGES=official|built forces either way)
	@# What a command would have one type next is left out where make goes on with it.
	@test -e "$(DEMO)/engagement.yaml" || $(BIN)/pov init "$(DEMO)" --scenario $(SCENARIO) --example \
		--customer "the reference engagement" --stated-by "the reference engagement's brief" >/dev/null
	$(BIN)/pov --engagement "$(DEMO)" up --images $(IMAGES)
	@# Whatever was measured gets its report. What ends without a run of its own has measured nothing.
	@echo '$(BIN)/pov --engagement "$(DEMO)" measure'
	@begun="$(DEMO)/.pov/measuring"; touch "$$begun"; trap 'rm -f "$$begun"' EXIT; \
		$(BIN)/pov --engagement "$(DEMO)" measure || { code=$$?; test $$code -lt 128 && \
		find "$(DEMO)"/.pov/*/runs -name samples.jsonl -newer "$$begun" | grep -q . || exit $$code; }
	$(BIN)/pov --engagement "$(DEMO)" open
	$(BIN)/pov --engagement "$(DEMO)" report
	@echo
	@echo 'Once in this shell, for the commands above: . $(BIN)/activate'
	@echo 'It stays up. Take it down with: $(BIN)/pov --engagement "$(DEMO)" down'

test: ## set up, then lint, unit, contract and end-to-end tests
	@$(MAKE) --no-print-directory venv-dev lint host bundle IMAGES=built
	$(BIN)/python -m tests.run

test-all: ## the long matrix: every kill point on its own cluster, every scenario
	@$(MAKE) --no-print-directory venv-dev lint host bundle IMAGES=built
	$(BIN)/python -m tests.run --matrix

unit: venv-dev ## unit tests alone: no engine needed
	$(BIN)/python -m pytest tests/unit

contract e2e: IMAGES = built
contract: venv-dev bundle ## the same suites against the fakes and the real engines
	$(BIN)/python -m pytest tests/contract

e2e: venv-dev bundle ## end-to-end tests on kind clusters of their own
	$(BIN)/python -m pytest tests/e2e -m "e2e and not matrix"

lint: venv-dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check --quiet pov tests
	$(BIN)/ruff format --check --quiet pov tests
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv-dev ## rewrite the code in the house style
	$(BIN)/ruff check --quiet --fix pov tests
	$(BIN)/ruff format --quiet pov tests

bench: venv-dev bundle ## times against the floor, run by hand
	$(BIN)/python -m tests.benchmarks

host: venv ## what this machine lacks (container runtime and tools), installed
	@$(BIN)/pov doctor --fix

bundle: venv ## the air-gap bundle, built once and kept in the user's cache
	@$(BIN)/pov bundle build --images $(IMAGES) >/dev/null

venv: $(VENV)/.installed
venv-dev: $(VENV)/.installed-dev

# A venv without ensurepip's Debian package fails late and badly, so it is asked for first.
$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing pov and its libraries into $(VENV) (about a minute the first time)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing the tools for tests into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

clean: ## remove what can be made again in this folder (not the user's cache, not environments)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
