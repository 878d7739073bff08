# Two commands suffice: `make demo` and `make test`. Both do the set-up first, and only once.

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench soak clean
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# Chapters of the demo; none means all. Where to look for tests, on how many processes.
CHAPTERS ?=
TESTS ?= tests
JOBS ?= logical

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## System packages, locked dependencies in .venv, the Pulumi engine
	@tools/setup

demo: setup ## A small province, from nothing to nothing (CHAPTERS="base …" chooses)
	@$(BIN)/govcloud demo $(CHAPTERS)

test: setup ## Lint, types, import contract, every test (TESTS=tests/test_x.py chooses)
	@code=0; $(MAKE) lint || code=1; \
	echo "$(BIN)/python -m pytest -n $(JOBS) $(TESTS)"; \
	$(BIN)/python -m pytest -n $(JOBS) $(TESTS) || code=1; \
	[ $$code -eq 0 ] || echo "failed: lint or tests, see above"; exit $$code

lint: setup ## Lint, types, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## Measure; writes bench.json
	$(BIN)/python -m benchmarks

soak: setup ## The long torture that CI leaves out
	$(BIN)/python -m pytest -m soak --timeout 0 $(TESTS) || [ $$? -eq 5 ]

clean: ## Remove .venv and what tools have cached here (the engine stays in the user's cache)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist demo.json bench.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
