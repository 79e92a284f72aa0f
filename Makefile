# `make demo` and `make test` set up everything they need in .venv; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
READY_DEV := $(VENV)/ready-dev
INSTALL := $(BIN)/python -m pip install --progress-bar on --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check format serve clean help

help:
	@echo "make demo    set up, index the sample gallery, search it, write demo/contact-sheet.html"
	@echo "make test    set up, run the tests"
	@echo "make check   format, lint, types, import contracts"
	@echo "make serve   serve the demo's store at http://127.0.0.1:8000"
	@echo "make format  format the code"
	@echo "make clean   remove what these commands made"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "embedstore needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; choose one with make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "could not make $(VENV): on Debian and Ubuntu, install the package python3-venv (sudo apt install python3-venv) and run this again" >&2; exit 1; }

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	@echo "[1/2] installing into $(VENV): 2 to 5 minutes the first time, most of it downloading torch and faiss; pip tells how far it is"
	@$(INSTALL) --editable .
	@touch $@

$(READY_DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo "[1/2] installing into $(VENV), with the tools for tests: 2 to 5 minutes the first time; pip tells how far it is"
	@$(INSTALL) --editable '.[dev]'
	@touch $@

demo: $(READY)
	@echo "[2/2] indexing the sample gallery and searching it: about half a minute"
	@$(BIN)/embedstore demo --out demo

test: $(READY_DEV)
	@echo "[2/2] running the tests: a few minutes; the percentage at the right says how far"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

check: $(READY_DEV)
	@echo "[2/2] format, lint, types, import contracts"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

serve: demo
	@$(BIN)/embedstore serve --store demo/store

format: $(READY_DEV)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
