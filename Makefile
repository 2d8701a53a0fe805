SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# `make test PYTHON=python3.14` has an environment of its own, .venv-python3.14
VENV := $(if $(filter file,$(origin PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
PACKAGES := $(wildcard libs/* services/*)
EDITABLES := $(foreach p,$(PACKAGES),-e $(p))
.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F':.*?## ' '{printf "  make %-13s %s\n", $$1, $$2}'

.PHONY: env
env: $(VENV)/.ready ## create .venv from the pinned and hashed requirements; PYTHON=python3.14: another, .venv-python3.14

$(VENV)/.ready: requirements/bootstrap.txt requirements/dev.txt $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(EDITABLES)
	@touch $@

.venv-tools/.ready: requirements/bootstrap.txt requirements/tools.txt $(VENV)/.ready
	@test -x .venv-tools/bin/python || $(PYTHON) -m venv --without-pip .venv-tools
	@$(BIN)/uv pip install --quiet --python .venv-tools/bin/python --require-hashes -r requirements/tools.txt
	@touch $@

.PHONY: check
check: env check-deploy docs prose ## check lint, types, import rules, prose, the site
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: docs
docs: env ## build the documentation as a site, .run/site; fails on a broken link or anchor
	@$(BIN)/zensical build --strict

.PHONY: prose
prose: env ## check spelling (typos.toml) and words (tests/support/vocabulary.py)
	$(BIN)/typos
	$(BIN)/pytest -q tests/contract/test_vocabulary.py

.PHONY: check-deploy
check-deploy: env .venv-tools/.ready ## yamllint, hadolint, zizmor over the workflows, checkov over the rendered overlays
	$(BIN)/yamllint --strict .github deploy docker-compose.yml examples .pre-commit-config.yaml
	.venv-tools/bin/zizmor --offline --no-progress --quiet .github
	$(BIN)/hadolint --failure-threshold style Dockerfile
	$(BIN)/python scripts/manifests.py .venv-tools/bin/checkov

.PHONY: test
test: env ## run every test on real nats-servers: six at a time, then those that measure
	@status=0; \
	$(BIN)/pytest -m "not alone" -n 6 --dist loadfile || status=$$?; \
	$(BIN)/pytest -m alone || status=$$?; \
	exit $$status

.PHONY: demo
demo: env ## run everything here with real readings; DEMO_SECONDS=20 limits it
	@$(BIN)/python scripts/suite.py --demo

.PHONY: run
run: env ## run everything here without traffic; real clouds from .env
	@$(BIN)/python scripts/suite.py

.PHONY: images
images: env ## build every image, run the demo in containers; NATS_IMAGE, PYTHON_IMAGE, DEMO_SECONDS
	@$(BIN)/python scripts/build_images.py
	@$(BIN)/python scripts/container_demo.py

.PHONY: wheels
wheels: env ## build every package as a wheel in dist/
	@$(BIN)/uv build --all-packages --wheel --no-build-isolation --quiet --out-dir dist

.PHONY: apiserver
apiserver: env ## build etcd, kube-apiserver, controllers, scheduler, kustomize and helm for tests/deploy (Go; ten minutes, once)
	@$(BIN)/python scripts/go_tools.py control-plane kustomize helm

.PHONY: sbom
sbom: env ## write CycloneDX and licences of every image to .run/sbom
	@$(BIN)/python scripts/supply_chain.py sbom

.PHONY: audit
audit: env .venv-tools/.ready ## check the images' packages for known vulnerabilities
	@$(BIN)/python scripts/supply_chain.py audit .venv-tools/bin/pip-audit

.PHONY: chaos
chaos: env ## long chaos tests: ROUNDS=50 (half an hour or more; at least 200 kills)
	CHAOS_ROUNDS=$(or $(ROUNDS),50) CHAOS_OUTAGE_S=$(or $(OUTAGE_S),180) CHAOS_BACKLOG=$(or $(BACKLOG),1000000) \
		$(BIN)/pytest tests/chaos --timeout 1800 -rP --show-capture=stdout

.PHONY: fleet-life
fleet-life: env ## test 5,200 entities from registration to import, with a kill at each step; two minutes
	FERRY_LIFE_GATEWAYS=100 FERRY_LIFE_SENSORS=49 $(BIN)/pytest tests/e2e/test_fleet_life.py --timeout 1200

.PHONY: simulate
simulate: env ## simulate telemetry: SEEDS=5000, FIRST=0 (several seconds per seed and core)
	$(BIN)/python scripts/simulate.py --seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0)

.PHONY: bench
bench: env ## measure the cost of a reading
	$(BIN)/python tests/bench/cost.py --write

.PHONY: recipes
recipes: env ## run the recipes in Go, Node, Java, Rust, a browser; Modelina on the contract (minutes the first time)
	FERRY_RECIPES=1 $(BIN)/pytest tests/recipes tests/contract/document -rs

.PHONY: contract-release
contract-release: contract ## with a release: save the contract that later changes are compared with
	cp docs/reference/asyncapi.json docs/reference/asyncapi.released.json

.PHONY: contract-page
contract-page: env ## build the contract as one HTML page, .run/contract.html (Node)
	@$(BIN)/python scripts/contract_page.py

.PHONY: contract
contract: env ## write docs/reference/asyncapi.json and the tables of docs/reference/contract.md from libs/contract
	$(BIN)/python scripts/contract_docs.py

.PHONY: cli-docs
cli-docs: env ## write docs/reference/cli.md, the reference of the `ferry` command
	@$(BIN)/python scripts/cli_docs.py

.PHONY: settings-docs
settings-docs: env ## write docs/reference/settings.md from the settings classes
	@$(BIN)/python scripts/settings_docs.py

.PHONY: format
format: env ## format, and fix what lint can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: lock
lock: env ## recompile requirements/ (UPGRADE=1 for newer versions)
	$(BIN)/python scripts/lock.py $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## remove everything that make created
	rm -rf .venv .venv-* .run .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
