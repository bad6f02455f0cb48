# Every target says what it does: `make` or `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
NATIVE := $(VENV)/.native

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak check format bench bench-profile bench-soak proto peers lock brokers brokers-stop brokers-install clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) $(NATIVE) ## make .venv from requirements.lock (hashes checked), and compile the C of engine/native

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Attune needs Python 3.11 or newer; this is $$($(PYTHON) --version)." \
		     "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(NATIVE): $(STAMP) $(wildcard engine/native/*.[ch]) tools/native.py
	@if $(BIN)/python tools/native.py --required; then touch $@; fi

demo: setup ## run the whole loop on this machine, live, in about a minute
	$(BIN)/attune demo

test: setup ## run every test, doctests included, on up to four cores
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

soak: setup ## run what takes many minutes: 500 rule books take over under load
	$(BIN)/python -m pytest -m soak

check: setup ## lint, format, types, the wire contract, the shipped rule books and their tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/attune check rules/telecom
	$(BIN)/attune check rules/bank
	$(BIN)/attune test rules/telecom
	$(BIN)/attune test rules/bank

format: setup ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## measure every target of speed in one run: figures, pass or short, bench-report/index.html
	$(BIN)/python -m benchmarks.targets $(if $(COMPARE),--benchmark-compare $(COMPARE))

bench-profile: setup ## where the time of a question goes in a live server, and what limits each target (REDIS=1: in Redis too)
	$(BIN)/python -m benchmarks.profile --into bench-report/profile.md $(if $(REDIS),--redis)

bench-soak: setup ## half an hour of load: does it get slower, does memory grow? (MINUTES=3 to try it)
	$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),30) --into bench-report/soak.json

proto: setup ## regenerate engine/wire/ from proto/
	$(BIN)/python tools/proto.py
	$(BIN)/buf lint

LOCKING := --generate-hashes --no-emit-index-url --no-header --no-annotate --universal --python-version 3.11

peers: setup ## install what the benchmarks compare with (Vowpal Wabbit, MABWiser, GoRules ZEN, CEL in Rust, FastAPI)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-peers.lock

lock: setup ## write requirements.lock anew from pyproject.toml, and those of the container and the peers beside it
	$(BIN)/uv pip compile pyproject.toml --extra cluster --extra plots --group proto --group lint \
		--group test --group bench --group build $(LOCKING) --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra cluster $(LOCKING) --constraint requirements.lock \
		--output-file deploy/requirements.lock
	$(BIN)/uv pip compile --group pyproject.toml:peers $(LOCKING) --constraint requirements.lock \
		--output-file requirements-peers.lock

brokers: setup ## start a real Apache Kafka and a real Redis on loopback, installing what is missing (Debian)
	$(BIN)/python -m tools.brokers start

brokers-stop: setup ## stop them
	$(BIN)/python -m tools.brokers stop

brokers-install: setup ## install what they take, for the tests that start their own
	$(BIN)/python -m tools.brokers install

clean: ## remove what was built or installed here
	rm -rf $(VENV) engine/native/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks bench-report
