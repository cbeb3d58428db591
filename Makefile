# Every command a person needs. `make demo` and `make test` do all the set-up themselves.
PYTHON ?= python3.11
VENV ?= .venv
PY := $(VENV)/bin/python
# Where pip looks for torch; empty means pip's own index (a CPU wheel where one is at hand).
TORCH_INDEX_URL ?=
DEMO_ARGS ?=
RECORDINGS ?=
PYTEST_ARGS ?=
PACKAGES := config web governance marketplace points contributions accounts chain lam_core

.PHONY: help install extension browser demo run test lint check audit-contracts generate bench-verify bench-gas bench-mutation bench-points bench-governance bench-loop bench-replay bench-extension bench-model bench-decisions clean
.DEFAULT_GOAL := help

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20

# The lock is the whole closure: with --no-deps nothing is left to resolve.
$(VENV)/.installed: requirements.lock
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX_URL),--index-url $(TORCH_INDEX_URL)) torch==2.13.0
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	touch $@

node_modules/.installed: package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

install: $(VENV)/.installed node_modules/.installed  ## Python and Node dependencies, pinned
	npm run --silent build

extension: install  ## The Chrome extension into extension/dist; load that folder unpacked
	node extension/build.mjs

browser:  ## Chromium for the browser tests: CHROMIUM_PATH, PATH, apt as root, Playwright's own
	$(PY) -m config.browser

demo: install  ## Everything up, then the whole loop; DEMO_ARGS="--exit --recordings PATH --json OUT.json"
	$(PY) -m config.run --demo $(DEMO_ARGS)

run: install  ## Everything up: database, broker, node, web server, worker, scheduler, chain sync
	$(PY) -m config.run

lint: install  ## Style, types, import direction
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy $(PACKAGES)
	npm run --silent typecheck

test: lint browser  ## All tests, on real PostgreSQL, broker, node and browser
	$(PY) -m pytest -n 2 --dist worksteal -m "not slow" $(PYTEST_ARGS)

check: install browser  ## Long fuzzing and fault runs too
	$(PY) -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)
	FOUNDRY_PROFILE=check contracts/script/forge test

contracts/cache/audit/tools/.installed: contracts/audit.lock
	$(PYTHON) -m venv contracts/cache/audit/tools
	contracts/cache/audit/tools/bin/pip install --quiet --disable-pip-version-check --no-deps -r contracts/audit.lock
	touch $@

audit-contracts: install contracts/cache/audit/tools/.installed  ## slither's findings and halmos's proofs
	$(PY) -m bench.audit --tools contracts/cache/audit/tools/bin

generate: install  ## Write what is generated and committed anew: OpenAPI, JSON Schema, types, ABI
	$(PY) manage.py spectacular --format openapi-json --file docs/openapi.json --fail-on-warn
	$(PY) -m lam_core schema > extension/workflow.schema.json
	$(PY) -m contributions.policy_document > docs/reward-policy.schema.json
	node extension/generate.mjs
	node extension/page.mjs
	node contracts/script/export_abi.mjs

bench-verify: install  ## Verification on recordings of people: RECORDINGS=PATH
	$(PY) -m bench.verify $(RECORDINGS)

bench-gas: install  ## Gas of the contracts' verbs, from receipts
	$(PY) -m bench.gas

bench-mutation: install  ## Faults put into the contracts, found by their tests; goes on where it ended
	$(PY) -m bench.mutation

bench-points: install  ## Trees, the ledger and the close of an epoch
	$(PY) -m bench.points

bench-governance: install  ## Following the chain, recounting polls
	$(PY) -m bench.governance

bench-loop: install  ## The whole loop of the demo, step by step: RECORDINGS=PATH
	$(PY) -m bench.loop $(RECORDINGS)

bench-replay: install browser  ## Recordings on changed pages, beside @puppeteer/replay
	$(PY) -m bench.replay

bench-extension: install browser  ## CPU, memory and delay of the extension in heavy use: MINUTES=30
	$(PY) -m bench.extension --minutes $(or $(MINUTES),3)

bench-model: install browser  ## The model on MiniWoB++, over several sittings: RECORDINGS=PATH
	$(PY) -m bench.model $(RECORDINGS) $(BENCH_ARGS)

bench-decisions: install  ## What it costs to ask the model where anchors fail
	$(PY) -m bench.decisions

clean:  ## End nothing, delete what a demo left (its data, keys and wallets)
	rm -rf .data
