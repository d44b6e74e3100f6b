# Everything is done by small Python files in deploy/; this file only names them. Variables may stand before or behind
# `make`: PORT=8100 make run, or make run PORT=8100.

# The first Python that is new enough. Another one: make PYTHON=/path/to/python3 run
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
PYTHON := $(or $(PYTHON),python3)
OURS := .venv/bin/python
# Two processes suit a small machine; make test TEST_PROCESSES=8 on a larger one.
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test check bench chaos format pins

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: ## Create .venv and bring the pinned packages and page libraries
	@"$(PYTHON)" deploy/bootstrap.py

setup-dev: ## The same with what the tests need (Chromium and a Chinese font too)
	@"$(PYTHON)" deploy/bootstrap.py --dev && $(OURS) -m deploy.testing_tools >/dev/null

run: ## Start everything on this machine and keep it running until Ctrl-C (PORT, SANDBOX_PORT, VAR_DIR, DATABASE_URL, REDIS_URL, WEB_PROCESSES, WEB_THREADS, WORKERS)
	@"$(PYTHON)" deploy/bootstrap.py && exec $(OURS) -m deploy.run --ends-with-parent

check: setup-dev ## Style, types and imports between the rooms
	$(OURS) -m ruff check .
	$(OURS) -m ruff format --check .
	$(OURS) -m mypy
	$(OURS) -c "from importlinter.cli import lint_imports_command as command; command()"

test: check ## Everything that a change must pass, on free ports
	CHROMIUM="$$($(OURS) -m deploy.testing_tools)" $(OURS) -m pytest -n $(TEST_PROCESSES) --dist loadgroup

bench: setup ## Measure against the least programs that do the same; prints a table, writes $VAR_DIR/bench.json
	@$(OURS) -m benchmarks $(BENCH)

chaos: setup ## Kill, freeze and cut everything by a seed while people go through it; 1 names what broke (CHAOS_SEED, CHAOS_SECONDS, CHAOS_PEOPLE)
	@$(OURS) -m tests.faults.chaos

format: ## Put the code into its form
	$(OURS) -m ruff check --fix .
	$(OURS) -m ruff format .

pins: ## Resolve the Python packages anew (after a change in pyproject.toml)
	$(OURS) -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.txt pyproject.toml
	$(OURS) -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --extra dev \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --constraint requirements.txt \
		--output-file requirements-dev.txt pyproject.toml
	$(OURS) -m piptools compile --quiet --generate-hashes --strip-extras \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--output-file deploy/requirements-node.txt deploy/requirements-node.in
