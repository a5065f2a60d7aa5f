# Everything installs into .venv inside the checkout; what is downloaded or built is cached outside of it
# (${XDG_CACHE_HOME:-~/.cache}/kafka-bluegreen). No other Python is touched.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

# Four tests at a time: three that wait for the cluster most of the time, and one that needs nothing. What shares a
# stack, a broker or a sandbox stays together.
# What took longest is told at the end: the suite has a limit.
PYTEST := $(PY) -m pytest -n 4 --dist loadgroup --no-loadscope-reorder --durations=30 --durations-min=20

.DEFAULT_GOAL := help
.PHONY: help demo test check evidence unit e2e model search sandbox down benchmark benchmark-page browser

help:  ## this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/.installed: requirements.txt
	@echo "[venv] $(VENV) from requirements.txt (pinned with hashes)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name one: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

demo: $(VENV)/.installed  ## from nothing to the verdict of one switch there and back (strategy C, scenario 1)
	@$(PY) -m tools.sandbox up
	@eval "$$($(PY) -m tools.sandbox env)" && $(PY) -m experiments run --strategy c --scenario 1 --switches 2
	@echo
	@echo 'The cluster runs, blue is active. Next, a switch by hand:'
	@echo '  . $(VENV)/bin/activate && eval "$$(python -m tools.sandbox env)"'
	@echo '  pulumi config set active green -s strategy-c && pulumi up -s strategy-c'
	@echo 'and back, with active blue. More: tutorial/02-first-switch.md. To end the cluster: make down'

test: check evidence sandbox browser  ## everything: lint, types, layers, evidence, unit tests, protocol model, end to end on the real cluster
	@eval "$$($(PY) -m tools.sandbox env)" && $(PYTEST)

check: $(VENV)/.installed  ## lint, formatting, types, layer rules
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

evidence: $(VENV)/.installed  ## each figure of the texts against the result that it names; committed runs judged again
	@$(PY) -m experiments evidence

unit: $(VENV)/.installed  ## tests that need nothing (the protocol model included)
	@$(PYTEST) -m 'not e2e'

model: $(VENV)/.installed  ## the protocol model alone: states, bounds, ends
	@$(PY) -m tests.protocol.model

$(VENV)/.browser: tests/browser/requirements.txt $(VENV)/.installed
	@echo "[browser] playwright into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/browser/requirements.txt
	@touch $@

browser: $(VENV)/.browser  ## what the switch page is tried with: playwright, and Debian's chromium where there is none
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  { echo "[browser] apt-get install chromium" && apt-get update -qq && \
	  apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || \
	  echo "[browser] chromium cannot be installed here; the tests of the page in a browser say that they are skipped"

SEARCH ?= 20
search: $(VENV)/.installed  ## random searches with new seeds, SEARCH times as long as in make test; what is found becomes a case
	@KAFKA_BLUEGREEN_SEARCH=$(SEARCH) $(PYTEST) -m 'not e2e' -k 'not sandbox' -p no:cacheprovider \
	  $$(grep -rl '@given' tests --include='test_*.py') tests/protocol

sandbox: $(VENV)/.installed  ## a real single-node Kubernetes on this machine
	@$(PY) -m tools.sandbox up

e2e: sandbox  ## tests on the real cluster
	@eval "$$($(PY) -m tools.sandbox env)" && $(PYTEST) -m e2e

benchmark: sandbox  ## consumer, producer and validator alone: report/data/benchmarks
	@mkdir -p report/data/benchmarks
	@eval "$$($(PY) -m tools.sandbox env)" && \
	  $(PY) -m tests.support.broker $(PY) -m workloads.consumer.benchmark >report/data/benchmarks/.consumer && \
	  mv report/data/benchmarks/.consumer report/data/benchmarks/consumer.json && \
	  $(PY) -m tests.support.broker $(PY) -m workloads.producer.benchmark >report/data/benchmarks/.producer && \
	  mv report/data/benchmarks/.producer report/data/benchmarks/producer.json
	@$(PY) -m tools.validator.benchmark --records 10000000 >report/data/benchmarks/.validator && \
	  mv report/data/benchmarks/.validator report/data/benchmarks/validator.json

benchmark-page: sandbox  ## how soon a viewer of the page hears of a change; of a stack strategy-c that is up, and stays
	@mkdir -p report/data/benchmarks
	@eval "$$($(PY) -m tools.sandbox env)" && \
	  $(PY) -m workloads.page.benchmark --namespace strategy-c >report/data/benchmarks/.page; status=$$?; \
	  [ -s report/data/benchmarks/.page ] && mv report/data/benchmarks/.page report/data/benchmarks/page.json; exit $$status

down: $(VENV)/.installed  ## take the sandbox away; caches stay
	@$(PY) -m tools.sandbox down
