# The two commands of a fresh machine with Python >= 3.11 are `make demo` and `make test`: each creates
# .venv and installs what it needs. `make PYTHON=/path/to/python3.12 test` picks an interpreter.

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.kabin-runtime
CHECKS := $(VENV)/.kabin-checks
FUZZ := $(VENV)/.kabin-fuzz
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := recommender service tests
STOREFRONT := service/storefront

.DEFAULT_GOAL := help
.PHONY: help bench demo fuzz soak test lint types quick quick-others quick-service slow browser servers verify format storefront clean

help: ## Say what each target does
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Serve a simulated shop, to be looked at in a browser, on an embedded Valkey
	$(BIN)/kabin demo

test: lint types quick slow ## Every check: ruff, mypy --strict, pytest (the quick part first)

bench: $(CHECKS) ## What a page costs, over HTTP with a real Redis: CPU, latency, growth, memory, start-up
	$(BIN)/python -m tests.benchmarks.hot_path $(ARGUMENTS)

fuzz: $(FUZZ) ## Attack every parser with libFuzzer, each for SECONDS (60 by default)
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(ARGUMENTS)

soak: $(CHECKS) ## Two hours of requests in ten minutes; memory and descriptors must stay as they are
	$(BIN)/python -m tests.benchmarks.soak $(ARGUMENTS)

lint: $(CHECKS) ## ruff check, ruff format --check, bandit, and whether the installed packages fit together
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive recommender service
	$(PIP) check

types: $(CHECKS) ## mypy --strict
	$(BIN)/mypy --strict

quick: $(CHECKS) ## The quick part of the tests, on two cores
	@$(MAKE) --no-print-directory -j2 --output-sync=target quick-others quick-service

quick-others: $(CHECKS)
	$(BIN)/pytest -q -m "not slow and not proof" --ignore=tests/service

quick-service: $(CHECKS)
	$(BIN)/pytest -q -m "not slow and not proof" tests/service

verify: $(CHECKS) ## Long proofs beside `make test`: thousands of simulated experiments, and a large data set replayed
	$(BIN)/pytest -q -m proof

slow: $(CHECKS) ## The slow part of the tests: a real browser, and beside it whole servers, a cluster, real data
	@$(MAKE) --no-print-directory -j2 --output-sync=target browser servers

browser: $(CHECKS) ## Of these, the tests in a real browser
	$(BIN)/pytest -q -m slow --durations=10 tests/storefront

servers: $(CHECKS) ## Of these, all others
	$(BIN)/pytest -q -m slow --durations=30 --ignore=tests/storefront

format: $(CHECKS) ## Let ruff fix and format the code
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

storefront: ## Build the storefront script anew; needs Node.js, and what it writes is committed
	@command -v npm >/dev/null || { echo "kabin: npm is missing: install Node.js 20 or newer" >&2; exit 1; }
	cd $(STOREFRONT) && npm ci --no-audit --no-fund && npm run build

clean: ## Remove the virtual environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage $(STOREFRONT)/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is newer than pyproject.toml once the environment matches it.
$(RUNTIME): pyproject.toml $(BIN)/python
	@echo "Installing kabin into $(VENV) ..."
	@$(PIP) install --editable .
	@$(BIN)/python -c "import implicit" 2>/dev/null || { \
		$(BIN)/python -c "import implicit"; \
		echo "kabin: 'implicit' does not load. On Debian or Ubuntu: apt-get install libgomp1" >&2; exit 1; }
	@touch $@

$(CHECKS): $(RUNTIME)
	@echo "Installing the checks into $(VENV) ..."
	@$(PIP) install --editable ".[dev]"
	@touch $@

$(FUZZ): $(CHECKS)
	@echo "Installing the fuzzer into $(VENV) ..."
	@$(PIP) install --editable ".[dev,fuzz]"
	@touch $@

$(BIN)/python:
	@sh .ci/venv "$(PYTHON)" "$(VENV)"
