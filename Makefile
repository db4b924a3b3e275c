SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 8000
BASE ?= main
FORMAT ?= text
BIN := .venv/bin

.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

run: venv-run ## Serve the page (http://127.0.0.1:5173) and the API (:8000, or PORT=8001) with its own PostgreSQL
	@.venv-run/bin/python -m local.run --port $(PORT)

seed: venv-run ## Import data/books.csv, several hundred real books
	@.venv-run/bin/python -m local.run flask books import data/books.csv

minikube: venv-run ## Build the image and run it all on minikube or kind, or on another cluster with IMAGE_LOAD="command"
	@.venv-run/bin/python -m local.minikube up

minikube-down: venv-run ## Remove it from the cluster; the books stay on its node
	@.venv-run/bin/python -m local.minikube down

restore: ## Put a backup in place of what the database has: make restore FROM=name; without FROM, list them
	@$(PYTHON) -m local.restore --to '$(TO)' '$(FROM)'

promote: ## Have an environment run another image, by one commit: make promote TO=minikube IMAGE="name:tag ..."
	@$(PYTHON) -m local.promote '$(TO)' '$(IMAGE)'

diff: ## What the branch changes in the rendered manifests (BASE=main; FORMAT=markdown for a pull request)
	@$(PYTHON) -m local.diff '$(BASE)' '$(FORMAT)'

page: venv ## Check and build the page, into services/web/dist (needs Node.js)
	@$(BIN)/python -m local.page

types: venv ## Generate the types of the page's client from the API's OpenAPI document
	@DATABASE_URL=postgresql://nowhere PYTHONPATH=services/api $(BIN)/flask --app bookshelf openapi --output .build/openapi.json
	@npm --prefix services/web run types -- $(CURDIR)/.build/openapi.json --output src/api/schema.d.ts

test: venv venv-policy page ## Everything that needs no cluster: style, types and tests, in about five minutes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/shellcheck .ci/run $$(find k8s -name "*.sh")
	@$(BIN)/pytest -n 2 --dist loadfile --ignore tests/e2e --ignore tests/gitops --ignore tests/eks

e2e: venv ## End-to-end tests on the cluster of make minikube, with its node port at 127.0.0.1, and on Docker (25 minutes)
	@$(BIN)/pytest tests/e2e

e2e-gitops: venv ## End-to-end tests of the delivery from git, on a cluster with Argo CD in the namespace argocd (ten minutes)
	@$(BIN)/pytest tests/gitops

e2e-eks: venv ## The eks overlay, as it is, on the cluster at hand: an Ingress has to answer on 127.0.0.1 (ten minutes)
	@$(BIN)/pytest tests/eks

bench: venv ## Measure the API against a bare WSGI function (about ten minutes; needs Linux and wrk)
	@PYTHONPATH=services/api $(BIN)/python -m benchmarks

bench-scroll: venv page ## Measure the list of the page: scroll through 100,000 books in Chromium (four minutes)
	@PYTHONPATH=services/api $(BIN)/python -m benchmarks.scroll

screenshots: venv page ## Take the pictures of the page in docs/images anew, in Chromium
	@$(BIN)/pytest tests/web/screenshots.py

format: venv ## Rewrite the Python code in the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: venv ## Resolve the dependencies anew and write the lock files
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command 'make lock' services/api/pyproject.toml --output-file services/api/requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command 'make lock' services/api/pyproject.toml --group pyproject.toml:dev \
		--constraints services/api/requirements.lock --output-file requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command 'make lock' services/api/pyproject.toml --group pyproject.toml:run \
		--constraints requirements-dev.lock --output-file requirements-run.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command 'make lock' --group pyproject.toml:policy --output-file requirements-policy.lock

venv:
	@$(PYTHON) local/environment.py .venv requirements-dev.lock

venv-run:
	@$(PYTHON) local/environment.py .venv-run requirements-run.lock

venv-policy:
	@$(PYTHON) local/environment.py .venv-policy requirements-policy.lock

.PHONY: help run seed minikube minikube-down restore promote diff page types test e2e e2e-gitops e2e-eks bench bench-scroll screenshots format lock venv venv-run venv-policy
