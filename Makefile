# Needs Python 3.11+ and make. Everything else is installed into .venv by `make setup`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.iac
STAMP  := $(VENV)/.ready
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
BUILD  := $(VENV)-build
HASHES := requirements/hashes
# For every supported Python and system at once; the files name no index.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header

# Without compiled files each of the suite's many processes would compile iac and the tests again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo quick test check docs live format bench requirements wheel release-check clean

help: ## what the targets do
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## virtual environment with iac and the tools of development

# iac alone, which is all that the demo needs.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "iac needs Python 3.11 or newer. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo 'Setting up .venv: an empty environment'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade 'pip>=25.1'
	@echo 'Setting up .venv: iac and what it needs (up to a minute)'
	@$(PIP) --editable .
	@touch $@

$(STAMP): $(READY)
	@echo 'Setting up .venv: the tools of development (up to a minute)'
	@$(PIP) --group dev
	@touch $@

demo: $(READY) ## the main job against the bundled sandbox: define, plan, apply, render, plan again
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: $(STAMP) ## the tests, with coverage held to its floors
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -n auto -m 'not live' --cov --cov-report= tests
	@$(BIN)/python -m coverage report --fail-under=95 --format=total >/dev/null \
	  || { $(BIN)/python -m coverage report; echo 'coverage of iac is under 95 %' >&2; exit 1; }
	@$(BIN)/python -m coverage report --include='iac/core/*' --fail-under=100 --format=total >/dev/null \
	  || { $(BIN)/python -m coverage report --include='iac/core/*'; echo 'coverage of iac/core is under 100 %' >&2; exit 1; }

quick: $(STAMP) ## the tests without the slow ones, with few examples of each property, without coverage
	$(BIN)/python -m pytest -q -n auto --hypothesis-profile=quick -m 'not live and not slow' tests

check: $(STAMP) ## format, lint, types, import layers, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q --no-header tests/docs tests/house

docs: $(STAMP) ## the site of docs/, in .site/html; links that lead nowhere and pages without a place are errors
	@$(BIN)/python -m tests.docs.site

live: $(STAMP) ## every part below: real servers and programs, each installed by its part
	sh tests/live/run.sh

live-wheel live-crash live-sinks live-logins live-servers live-loaders live-pipelines live-pages live-lowest live-versions: $(STAMP)
	sh tests/live/run.sh $(@:live-%=%)

format: $(STAMP) ## write what `make check` asks for
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tests.docs.reference
	$(BIN)/python -m tests.docs.picture

bench: $(STAMP) ## ratios against floors, see docs/explanation/performance.md
	$(BIN)/python -m benchmarks

requirements: $(STAMP) ## what iac is installed with, with hashes; UPGRADE=--upgrade takes newer versions
	$(COMPILE) $(UPGRADE) --all-extras --output-file $(HASHES)/all.txt pyproject.toml
	$(COMPILE) --constraint $(HASHES)/all.txt --output-file $(HASHES)/base.txt pyproject.toml
	@for extra in http2x jose s3 sops; do \
	  $(COMPILE) --constraint $(HASHES)/all.txt --extra $$extra --output-file $(HASHES)/$$extra.txt pyproject.toml || exit 1; \
	done
	echo 'hatchling>=1.27' | $(COMPILE) $(UPGRADE) --output-file $(HASHES)/build.txt -

$(BUILD)/.ready: $(HASHES)/build.txt
	$(PYTHON) -m venv $(BUILD)
	$(BUILD)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r $(HASHES)/build.txt
	@touch $@

wheel: $(BUILD)/.ready ## dist/indigo_iac-VERSION-py3-none-any.whl and its hash
	$(BUILD)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@cd dist && sha256sum indigo_iac-*.whl

release-check: $(STAMP) $(BUILD)/.ready ## a release without publishing it: version, changelog, wheel, sdist, SBOM and hashes in dist/
	$(BIN)/python -m tests.packaging.release

clean: ## remove what the targets made
	rm -rf $(VENV) .venv-* .demo .site .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* dist
