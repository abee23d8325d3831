# Everything a developer runs. The environment is .venv; nothing outside this folder is written.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
UV_VERSION := 0.13.9
# A uv on PATH serves; otherwise a pinned one goes into a small environment of its own.
UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
BIN := .venv/bin

export RAY_ENABLE_UV_RUN_RUNTIME_ENV := 0
export RAY_USAGE_STATS_ENABLED := 0
# The machine's own certificate authorities count, as they do for pip.
export UV_SYSTEM_CERTS := 1

.PHONY: help setup lock demo test check format bench soak clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: .venv/.installed  ## make .venv from the lock file

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.installed: requirements-dev.txt pyproject.toml | $(filter .uv/bin/uv,$(UV))
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements-dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

lock: | $(filter .uv/bin/uv,$(UV))  ## resolve pyproject.toml into the lock files
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml --group dev \
	  -c requirements.txt -o requirements-dev.txt

demo: setup  ## run the example campaign over real SMTP to a local inbox
	$(BIN)/python -m examples.demo

test: setup  ## run every test
	$(BIN)/pytest -m "not soak" --numprocesses 3 --dist loadfile --no-loadscope-reorder

check: setup  ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## rewrite the sources in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup  ## measure speed, as ratios within one run
	$(BIN)/python -m benchmarks
	for each in sending resume audience_sql store cache events intake workflow queueing outbox automation simulate; do $(BIN)/python -m benchmarks.$$each || exit 1; done

soak: setup  ## long chaos, load and fuzz runs
	$(BIN)/pytest -m soak

clean:  ## remove the environments
	rm -rf .venv .uv
