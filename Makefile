# Each target sets up what it needs in .venv and runs from a fresh clone.
# torch comes first, held by constraints.txt: no other package may choose its build.
PYTHON ?= python3
# Extra words for pip, such as an index of CPU-only torch wheels.
PIP_ARGS ?=
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PIP_ARGS)

.PHONY: help demo test style quality bench docs clean

help:  ## Say what each target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: $(VENV)/demo  ## The whole way of the data on the embedded sample (offline once installed)
	$(BIN)/ggt demo

# One thread of torch a process: where several processes share the cores, threads that wait for each
# other take three times the processor time.
test: $(VENV)/test  ## Run every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

style: $(VENV)/quality  ## Format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

quality: $(VENV)/quality  ## Lint, spelling, strict types, import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/bench  ## Run the benchmarks and print their tables
	$(BIN)/python -m benchmarks

docs: $(VENV)/docs  ## Build the site of docs/ into site/
	$(BIN)/zensical build --clean

clean:  ## Remove the environment and what the demo made
	rm -rf $(VENV) ggt-demo site

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/base: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e .
	@touch $@

$(VENV)/demo: $(VENV)/base $(VENV)/torch
	$(PIP) -e '.[qc,train]'
	@touch $@

$(VENV)/torch: constraints.txt | $(VENV)/bin/python
	$(PIP) torch
	@touch $@

$(VENV)/test: pyproject.toml constraints.txt $(VENV)/torch
	$(PIP) -e '.[test]'
	$(PIP) --no-deps gradio spandrel xgrammar apache-tvm-ffi
	@touch $(VENV)/base $(VENV)/demo $@

$(VENV)/quality: pyproject.toml constraints.txt $(VENV)/test
	$(PIP) -e '.[quality]'
	@touch $@

$(VENV)/docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[docs]'
	@touch $(VENV)/base $@

$(VENV)/bench: pyproject.toml constraints.txt $(VENV)/torch
	$(PIP) -e '.[bench]'
	$(PIP) --no-deps mosaicml-streaming
	@touch $(VENV)/base $@
