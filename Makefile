# Two commands for a fresh machine: make demo, make test. They set up everything they need in .venv.
PYTHON ?= python3
BIN := .venv/bin
TWO := -n 2 --dist loadfile --no-loadscope-reorder  # the tests of a file share what takes long to make

.PHONY: demo test check format setup constraints
setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m smartaccounts.workflow.compile
	@touch $@

demo: setup          ## simulate a supplier, train, leave a growth list in data/demo
	$(BIN)/smartaccounts demo --out data/demo

test: setup          ## every test, with branch coverage of the units; what a machine lacks is skipped by name and counted
	SMARTACCOUNTS_THREADS=1 $(BIN)/python -m pytest $(TWO) --cov --cov-report=term:skip-covered --cov-fail-under=90

check: setup         ## fast feedback: format, lint, types, quick tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	SMARTACCOUNTS_THREADS=1 $(BIN)/python -m pytest $(TWO) -q -m "not slow and not real"

format: setup        ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: setup   ## pin today's versions of everything, without registry addresses
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --no-annotate --no-header --extra dev pyproject.toml -o constraints.txt
