# The commands of this repository. Each makes what it needs in .venv and .demo; nothing is installed elsewhere.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo nginx test test-real test-vllm test-cluster lint accuracy size bench docs reference gallery pictures screenshots release clean
.DELETE_ON_ERROR:

demo: $(READY)  ## render the default project, train, serve and call it
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/demo.py

test: $(READY) nginx lint  ## stranger, unit, render, update and serving lanes
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest

nginx:  ## installed where root and apt allow it; else the tests behind it are left out
	@tests/install_nginx

lint: $(READY)  ## our own code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-real: $(READY)  ## a real container engine builds and runs what is rendered
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 0 tests/real

test-vllm: $(READY)  ## the real vLLM, built for CPUs, started by a project's serve; installs 3.5 GB once
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 0 tests/vllm

test-cluster: $(READY)  ## the commands on a HyperPod cluster against a real kube-apiserver, built once; needs root
	REAL_CLUSTER=1 PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 0 tests/lifecycle/clusters

accuracy: $(READY)  ## the memory estimate against measured start-ups; DATA=FILE for others, V=1 for each
	@$(BIN)/python -m tests.accuracy $(if $(V),-v) $(DATA)

size: $(READY)  ## instance types for MODEL=… [CONTEXT= CONCURRENCY= ENGINE= PARAMETERS= DTYPE= OFFLINE=1 JSON=1]
	@$(BIN)/python -m extensions.mcc.face.size $(if $(MODEL),"$(MODEL)",--help) \
		$(if $(CONTEXT),--context "$(CONTEXT)") $(if $(CONCURRENCY),--concurrency "$(CONCURRENCY)") \
		$(if $(ENGINE),--engine "$(ENGINE)") $(if $(PARAMETERS),--parameters "$(PARAMETERS)") \
		$(if $(DTYPE),--dtype "$(DTYPE)") $(if $(OFFLINE),--offline) $(if $(JSON),--json)

docs: $(READY)  ## the documentation site in .site/html; fails on a broken link
	@$(BIN)/python -m tools.docs

reference: $(READY)  ## the generated pages of docs/reference
	@$(BIN)/python -m tools.reference

gallery: $(READY)  ## six rendered projects in .site/gallery, and their pages
	@$(BIN)/python -m tools.gallery

pictures: $(READY)  ## the drawings of README and docs
	@$(BIN)/python -m tools.pictures

screenshots: docs  ## the interview in a terminal, the site in Chromium; needs chromium on PATH
	@$(BIN)/uv run --quiet --no-project --python $(BIN)/python --with pyte,pexpect python -m tools.screenshots

release: $(READY)  ## check CHANGELOG.md, update projects from the last tag, and tag VERSION=…
	@$(BIN)/python -m tools.release "$(VERSION)"

bench: $(READY)  ## ratios to a plain stack
	$(BIN)/python -m tests.bench.copies
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench.bench

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group dev --requirements pyproject.toml
	@touch $@

clean:  ## everything made by the other commands
	rm -rf $(VENV) .demo .site .pytest_cache .mypy_cache .ruff_cache
