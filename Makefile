# The commands of this repository. Each makes what it needs in .venv and .demo; nothing is installed elsewhere.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-real lint bench clean
.DELETE_ON_ERROR:

demo: $(READY)  ## render the default project, train, serve and call it
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/demo.py

test: $(READY) lint  ## unit, render, update and serving lanes
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest

lint: $(READY)  ## our own code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-real: $(READY)  ## a real container engine builds and runs what is rendered
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 0 tests/real

bench: $(READY)  ## ratios to a plain stack
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/bench/bench.py

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group dev --requirements pyproject.toml
	@touch $@

clean:  ## everything made by the other commands
	rm -rf $(VENV) .demo .pytest_cache .mypy_cache .ruff_cache
