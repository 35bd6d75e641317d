# The commands of this repository. They install their requirements in .venv and .demo.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# What programs of the tests import.
IMPORTED := boto3, cfnlint.runner, copier._cli, copier_template_extensions, gixy.cli.main, huggingface_hub, \
	hypothesis, kubernetes.stream, mcp.server, moto.moto_server.werkzeug_app, openai, parliament, pexpect, pytest, \
	schemathesis.cli, xdist.plugin, yamllint.cli

.PHONY: demo nginx test test-models test-real test-vllm test-cluster lint accuracy size inspect bench docs reference gallery pictures screenshots release clean
.DELETE_ON_ERROR:

demo: $(READY)  ## render the default project, train, serve and call it
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/demo.py

test: $(READY) nginx lint  ## run all test lanes that need neither root nor AWS
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest

nginx:  ## install nginx if root and apt allow it; otherwise, tests that need it are skipped
	@tests/install_nginx

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.words

test-models: $(READY)  ## serve everyday models of many library versions; 10 GB in .models/
	@rm -rf .models/tables
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 0 tests/models; code=$$?; $(BIN)/python -m tests.models.matrix; exit $$code

test-real: $(READY)  ## build and run the rendered images with a container engine
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 0 tests/real

test-vllm: $(READY)  ## serve with the real vLLM for CPUs; installs 3.5 GB once
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 0 tests/vllm

test-cluster: $(READY)  ## HyperPod commands on a real kube-apiserver, built once; needs root
	REAL_CLUSTER=1 PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 0 tests/lifecycle/clusters

accuracy: $(READY)  ## compare the memory estimate with measurements [DATA=FILE V=1]
	@$(BIN)/python -m tests.accuracy $(if $(V),-v) $(DATA)

size: $(READY)  ## list instance types for MODEL=… [CONTEXT= CONCURRENCY= ENGINE= PARAMETERS= DTYPE= OFFLINE=1 JSON=1]
	@$(BIN)/python -m extensions.mcc.face.size $(if $(MODEL),"$(MODEL)",--help) \
		$(if $(CONTEXT),--context "$(CONTEXT)") $(if $(CONCURRENCY),--concurrency "$(CONCURRENCY)") \
		$(if $(ENGINE),--engine "$(ENGINE)") $(if $(PARAMETERS),--parameters "$(PARAMETERS)") \
		$(if $(DTYPE),--dtype "$(DTYPE)") $(if $(OFFLINE),--offline) $(if $(JSON),--json)

inspect: $(READY)  ## show the kind of a predictive MODEL=… and the answers for it [JSON=1]
	@$(BIN)/python -m extensions.mcc.face.inspect_model $(if $(MODEL),"$(MODEL)",--help) $(if $(JSON),--json)

docs: $(READY)  ## build the documentation site in .site/html; fails on broken links
	@$(BIN)/python -m tools.docs

reference: $(READY)  ## generate the pages of docs/reference
	@$(BIN)/python -m tools.reference

gallery: $(READY)  ## render six projects in .site/gallery, and their pages
	@$(BIN)/python -m tools.gallery

pictures: $(READY)  ## draw the pictures of README and docs
	@$(BIN)/python -m tools.pictures

screenshots: docs  ## capture the interview and the site; needs chromium on PATH
	@$(BIN)/uv run --quiet --no-project --python $(BIN)/python --with pyte,pexpect python -m tools.screenshots

release: $(READY)  ## check CHANGELOG.md, update projects from the last tag, and tag VERSION=…
	@$(BIN)/python -m tools.release "$(VERSION)"

bench: $(READY)  ## compare the performance with other stacks [PART="copies|models|pipelines|limit …"]
	@for part in $(if $(PART),"$(PART)",copies models pipelines limit); do \
		PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench.$$part || exit; done

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group dev --requirements pyproject.toml
	@# Tests start hundreds of them. Where the environment forbids bytecode, each would compile its libraries.
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -c "import $(IMPORTED)"
	@touch $@

clean:  ## delete everything that the other commands created
	rm -rf $(VENV) .demo .models .site .pytest_cache .mypy_cache .ruff_cache
