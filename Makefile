# make run      the dashboard, on 127.0.0.1:8501 (PORT=... for another)
# make test     everything that must hold, the whole suite
# make check    form: ruff, mypy, import-linter, vulture, generated lists
# make fix      what a machine can repair
# make bench    times and memory, beside the yardsticks where those are present
# make bench-vcc  the same at VCC size, into docs/performance.md (16 GB of disk and a quarter of an hour)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PORT ?= 8501
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin

# what is installed is named by the hash of what asks for it: a second start installs nothing
hash = $(shell cat $(1) 2>/dev/null | sha256sum | cut -c1-16)
RUN_STAMP := .venv/.run-$(call hash,requirements.txt pyproject.toml)
DEV_STAMP := .venv/.dev-$(call hash,requirements.txt requirements-dev.txt pyproject.toml)
KERNELS := $(shell find core -name '_kernels.py' 2>/dev/null)
WARM_STAMP := .venv/.warm-$(call hash,requirements.txt $(KERNELS))

BROWSER = $(shell command -v chromium chromium-browser google-chrome google-chrome-stable 2>/dev/null | head -n 1)
BROWSER_PACKAGES := chromium fonts-liberation libatomic1
PYTEST_ARGS ?= -n 2

.PHONY: help run test check fix bench bench-vcc clean

help:
	@sed -n 's/^# make/make/p' Makefile

run: $(WARM_STAMP)
	@$(BIN)/python -m core.ui.first_start
	exec $(BIN)/streamlit run app.py --server.port $(PORT)

test: $(DEV_STAMP) $(WARM_STAMP)
	@missing=""
	if [ -z "$(BROWSER)" ] || ! $(BIN)/playwright --version >/dev/null 2>&1; then
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(BROWSER_PACKAGES) >/dev/null
		else
			missing=yes
			echo "No Chromium or Chrome that Playwright can drive was found, and only root can install one. These tests do not run:"
			grep -rhoE '^def test_\w+' tests/browser | sed 's/^def /  /'
			echo "To run them: sudo apt install $(BROWSER_PACKAGES). To go on without: SKIP_BROWSER=1 make test"
		fi
	fi
	$(BIN)/python -m pytest $(PYTEST_ARGS) --ignore tests/browser
	[ -n "$$missing" ] || $(BIN)/python -m pytest tests/browser  # one browser at a time, beside nothing else
	if [ -n "$$missing" ] && [ -z "$${SKIP_BROWSER:-}" ]; then
		echo "The browser tests did not run: not passed. SKIP_BROWSER=1 accepts that."
		exit 1
	fi

check: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/cog --check $(wildcard README.md ARCHITECTURE.md)

fix: $(DEV_STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/cog -r $(wildcard README.md ARCHITECTURE.md)

bench: $(DEV_STAMP) $(WARM_STAMP)
	$(BIN)/python bench

bench-vcc: $(DEV_STAMP) $(WARM_STAMP)
	$(BIN)/python bench/vcc.py
	$(BIN)/python bench/inputs.py
	$(BIN)/python bench/compressed.py
	$(BIN)/python bench/page.py --cells 10000
	$(BIN)/python bench/page.py --cells 221273
	$(BIN)/python bench/views.py
	$(BIN)/python bench/report.py

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then
		echo "No Python 3.11, 3.12 or 3.13 was found. On Debian or Ubuntu: sudo apt install python3 python3-venv"
		exit 1
	fi
	if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then
		echo "$(PYTHON) comes without venv here. Type:"
		echo "  sudo apt install $(notdir $(PYTHON))-venv"
		exit 1
	fi
	$(PYTHON) -m venv .venv

$(RUN_STAMP): .venv/bin/python
	@echo "Installing into .venv what requirements.txt names; this happens once."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
	rm -f .venv/.run-* && touch $@

$(DEV_STAMP): $(RUN_STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	rm -f .venv/.dev-* && touch $@

$(WARM_STAMP): $(RUN_STAMP)
	@echo "Compiling the kernels; this happens once."
	$(BIN)/python -m core doctor --warm
	rm -f .venv/.warm-* && touch $@
