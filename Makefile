SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin

.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

run: venv ## Serve the API on http://127.0.0.1:8000 (PORT=8001 for another) with its own PostgreSQL, until Ctrl-C
	@$(BIN)/python -m local.run --port $(PORT)

seed: venv ## Import data/books.csv, several hundred real books
	@$(BIN)/python -m local.run flask books import data/books.csv

test: venv ## Everything that needs no cluster: style, types and tests, in under two minutes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/shellcheck .ci/run
	@$(BIN)/pytest -n 2 --dist loadfile

bench: venv ## Measure the API against a bare WSGI function (about ten minutes; needs Linux and wrk)
	@PYTHONPATH=services/api $(BIN)/python -m benchmarks

format: venv ## Rewrite the Python code in the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: venv ## Resolve the dependencies anew and write the lock files
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command 'make lock' services/api/pyproject.toml --output-file services/api/requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command 'make lock' services/api/pyproject.toml --group pyproject.toml:dev \
		--constraints services/api/requirements.lock --output-file requirements-dev.lock

venv:
	@$(PYTHON) local/environment.py

.PHONY: help run seed test bench format lock venv
