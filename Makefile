# Every target sets up what it needs: Python 3.11 or newer and a network (or pip's cache) are enough, no Docker.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LAB := fixtures/lab/out

.DEFAULT_GOAL := help
.PHONY: help install demo test lint docs bench bench-detection bench-audit fixtures clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## imgscan and the tools to develop it, in .venv

# Dependency groups need pip 25.1; what an older Python brings along is older.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "imgscan needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

demo: $(STAMP) ## build the insecure image of the lab and inspect it
	@$(BIN)/python -m fixtures.lab.build $(LAB) >/dev/null
	@echo '$$ imgscan inspect $(LAB)/insecure-classic.tar'
	@echo
	@$(BIN)/imgscan inspect $(LAB)/insecure-classic.tar $(ARGS); status=$$?; echo; \
	if [ $$status -eq 1 ]; then \
		echo "That was the insecure image of the lab: exit code 1, as it should be, for findings of severity high or worse."; \
		echo "Its history, step by step: $(BIN)/imgscan history $(LAB)/insecure-classic.tar"; \
	else \
		echo "expected exit code 1 for an insecure image, got $$status" >&2; exit 1; \
	fi

# Tests that share an engine, and what they tag in it, run one after the other; all others on all cores.
test: $(STAMP) ## all tests; ARGS="-k table" for some
ifeq ($(strip $(ARGS)),)
	@status=0; \
	$(BIN)/python -m pytest -n auto --ignore tests/engine || status=$$?; \
	$(BIN)/python -m pytest tests/engine || status=$$?; \
	exit $$status
else
	$(BIN)/python -m pytest $(ARGS)
endif

lint: $(STAMP) ## ruff (rules and format), mypy --strict, schemas of what CI systems read
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows examples/github-workflow.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.circle-ci examples/circleci.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.azure-pipelines --data-transform azure-pipelines \
		--regex-variant nonunicode examples/azure-pipelines.yml
	sed '1,/^---$$/d' templates/imgscan.yml | $(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci \
		--data-transform gitlab-ci --regex-variant nonunicode --force-filetype yaml examples/gitlab-ci.yml -

docs: $(STAMP) ## what is made from the program: rules, checks, options, schemas, README's demo and figures
	$(BIN)/python -m imgscan.secrets.rules.compiled
	$(BIN)/python -m imgscan.cli.rule_book > docs/rules.md
	$(BIN)/python -m scripts.checks > docs/checks.md
	$(BIN)/python -m scripts.options
	$(BIN)/python -m scripts.integrations
	$(BIN)/python -m imgscan.configuration.schema > imgscan/configuration/imgscan.schema.json
	$(BIN)/python -m scripts.readme

bench: $(STAMP) ## speed and memory against the targets, as ratios in one run
	$(BIN)/python -m bench.run $(ARGS)

bench-detection: $(STAMP) ## who finds what, and who cries wolf; fetches packages with apt, pip and npm
	$(BIN)/python -m bench.detection $(ARGS)

bench-audit: $(STAMP) ## audits of a synthetic registry; needs docker-registry and 3 GB in bench/out
	$(BIN)/python -m bench.audit $(ARGS)

fixtures: $(STAMP) ## the lab's images as archives, in fixtures/lab/out
	$(BIN)/python -m fixtures.lab.build $(LAB)

clean: ## remove what the other targets made
	rm -rf $(VENV) $(LAB) bench/out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -exec rm -rf {} +
