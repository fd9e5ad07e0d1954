# Sets itself up, then calls invoke. `make help` lists the targets; it fits 80 by 24 characters.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INVOKE := $(BIN)/invoke
# One process bakes, runs what has no machine meanwhile and then what needs the bake: tests/xdist_groups.py.
SHARED := --numprocesses=2 --dist=loadgroup --no-loadscope-reorder
HOST_PACKAGES := localcloud/install-host-packages.sh

.DEFAULT_GOAL := help
.PHONY: help setup host-packages test-packages shell setup-aws build-ami check plan test test-fast test-all lint format bench bench-cloud mutants requirements reference docs clean
# Folders: without a rule `make build` would say that there is nothing to be done, and end with 0.
.PHONY: build tests localcloud provisioners

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

build-ami: setup ## build and test an image on the local cloud
	@$(INVOKE) build-ami $(ARGS)

check: setup ## check manifest.yaml
	@$(INVOKE) check $(ARGS)

plan: setup ## show what would be built, from what, and why
	@$(INVOKE) plan $(ARGS)

test: setup test-packages $(VENV)/.dev $(VENV)/.docs ## all tests, one build included; a slice of matrices
	@$(BIN)/python -m pytest $(SHARED) $(ARGS)

test-fast: setup $(VENV)/.dev $(VENV)/.docs ## tests without virtual machines; some minutes
	@$(BIN)/python -m pytest --numprocesses=auto tests/unit tests/localcloud -m "not vm" $(ARGS)

test-all: setup test-packages $(VENV)/.dev $(VENV)/.docs ## all tests, matrices in full
	@HUBSMITH_THOROUGH=1 $(BIN)/python -m pytest $(SHARED) --matrix=all $(ARGS)

bench: setup $(VENV)/.dev ## time a build: cold, one change, no change
	@$(BIN)/python -m tests.bench $(ARGS)

bench-cloud: setup $(VENV)/.dev ## cost of the local cloud; ARGS=--soak: QEMU panics?
	@$(BIN)/python -m tests.bench_cloud $(ARGS)

mutants: setup $(VENV)/.dev ## check that image tests notice known mistakes
	@$(BIN)/python -m tests.mutants $(ARGS)

lint: setup $(VENV)/.dev ## ruff, mypy, shellcheck
	@$(BIN)/python -m pytest -q tests/unit/test_linters.py

format: setup $(VENV)/.dev ## let ruff write the layout
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

shell: setup ## a shell in which invoke is found
	@PATH="$(CURDIR)/$(BIN):$$PATH" $${SHELL:-/bin/bash}

setup: host-packages $(VENV)/.localcloud ## install host packages and .venv

setup-aws: $(VENV)/.runtime ## install .venv without the local cloud (--cloud aws)

host-packages:
	@sh $(HOST_PACKAGES) >&2

test-packages:
	@sh $(HOST_PACKAGES) tests/host_packages.txt >&2

$(VENV)/.runtime: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed; say which: make PYTHON=/path/to/python3 …" >&2; exit 2; }
	@echo "making $(VENV) (about a minute)" >&2
	@$(PYTHON) -m venv $(VENV) >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt >&2
	@touch $@

$(VENV)/.localcloud: localcloud/requirements.txt $(VENV)/.runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r localcloud/requirements.txt >&2
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.localcloud
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
	    -r requirements.txt -r localcloud/requirements.txt -r requirements-dev.txt >&2
	@touch $@

# An environment of its own: docs/requirements.in says why.
$(VENV)/.docs: docs/requirements.txt
	@$(PYTHON) -m venv $(VENV)/docs >&2
	@$(VENV)/docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r docs/requirements.txt >&2
	@touch $@

requirements: setup ## lock requirements; ARGS=--upgrade takes the newest
	@for name in requirements localcloud/requirements requirements-dev docs/requirements; do \
	    $(BIN)/uv pip compile --quiet $(ARGS) --generate-hashes --universal --python-version 3.10 \
	        --no-emit-index-url --no-annotate --no-header $$name.in -o $$name.txt || exit 1; \
	done

reference: setup ## write what of docs/ is made from the code
	@$(BIN)/python -m docs.generate

docs: $(VENV)/.docs ## build the documentation in docs/_build
	@$(VENV)/docs/bin/python -m sphinx --fail-on-warning --nitpicky --keep-going --quiet docs docs/_build
	@echo docs/_build/index.html

clean: ## remove .venv and tool caches; images stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

build:
	@echo "make build: not a target; did you mean make build-ami?" >&2; exit 2

tests:
	@echo "make tests: not a target; did you mean make test?" >&2; exit 2

localcloud provisioners:
	@echo "make $@: not a target; make help lists them" >&2; exit 2
