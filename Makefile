.PHONY: run test check faults fuzz bench conformance clean install
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
WEB := $(shell find app/web -path app/web/node_modules -prune -o -path app/web/dist -prune -o -type f \( -name '*.ts' -o -name '*.css' -o -name 'package*.json' -o -name 'vite.config.*' \) -print 2>/dev/null)

run: .venv/installed  ## everything, from nothing, to http://127.0.0.1:8000
	$(BIN)/interlink serve --seed

test: .venv/installed check  ## what CI runs
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 15

check: .venv/installed  ## lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

faults: .venv/installed  ## FAULT_RUNS times two nodes with something going wrong, counted
	$(BIN)/python -m tests.faults

bench: .venv/installed  ## figures, beside the peers'
	$(BIN)/python -m tests.bench

conformance: .venv/installed  ## the same checks against every server (LONG=1: also what takes minutes)
	$(BIN)/python -m tests.interop.conformance $(if $(LONG),--long)

fuzz: .venv/installed  ## a million mutated frames in process, 50,000 over sockets
	$(BIN)/python -m tests.fuzz
	HOSTILE_FRAMES=50000 $(BIN)/pytest tests/acceptance/test_hostile.py -q -s -k frames

install: .venv/installed

$(UV):
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"

.venv/installed: $(UV) pyproject.toml uv.lock app/web/build.py $(WEB)
	$(UV) sync --frozen --inexact --reinstall-package interlink
	@touch $@

clean:
	rm -rf .venv app/web/dist app/web/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
