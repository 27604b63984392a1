# Everything runs in .venv, built from the pinned requirements; nothing else on the machine is touched.
PYTHON ?= python3.13
BIN := .venv/bin
SANDBOX := sandbox/node_modules/.package-lock.json

# The tests of a file stay together, because they share a world; tests/conftest.py says how many workers.
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder

.PHONY: demo sandbox test test-long test-browser coverage mutate check format bench docs site pictures lock clean

demo: .venv/.product $(SANDBOX)  ## one night in a local tenant, from the plan to the proof
	$(BIN)/python -m sandbox.demo

sandbox: .venv/.product $(SANDBOX)  ## keep the local tenant running to experiment with
	$(BIN)/python -m sandbox.up

test: .venv/.dev $(SANDBOX)  ## every test except the long and browser ones
	$(BIN)/python -m pytest -m "not long and not browser" $(PARALLEL)

test-long: .venv/.dev $(SANDBOX)  ## the same with many more repeats
	$(BIN)/python -m pytest -m "not browser" --hypothesis-profile=long $(PARALLEL)

test-browser: .venv/.dev $(SANDBOX)  ## the operators' page in a real browser (needs Chromium)
	$(BIN)/python -m pytest tests/browser -m browser

coverage: .venv/.dev $(SANDBOX)  ## the same tests, and how much of enforcer/ they run
	$(BIN)/python -m pytest -m "not long and not browser" $(PARALLEL) --cov --cov-report=term:skip-covered

mutate: .venv/.dev $(SANDBOX)  ## small faults that no test notices; MUTATE="--modules core/planning --sample 50"
	$(BIN)/python -m tools.mutate $(MUTATE)

check: .venv/.dev  ## style, types, Graph calls, spelling, words, Markdown, workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tools.graph_calls
	$(BIN)/codespell
	$(BIN)/python -m tools.words
	$(BIN)/pymarkdown scan *.md docs .github
	$(BIN)/zizmor --offline --quiet .github

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev $(SANDBOX)  ## run the benchmarks, print a table, write build/bench.json
	$(BIN)/python -m bench

docs: .venv/.dev  ## regenerate docs/cli.md and the man page
	$(BIN)/python -m tools.cli_help
	$(BIN)/python -m tools.man_page
	$(BIN)/python -m tools.tenant_template

site: .venv/.dev  ## the documentation as a site, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

pictures: .venv/.dev $(SANDBOX)  ## take the screenshots in docs/page.md (needs Chromium)
	$(BIN)/python -m tools.page_pictures

lock: .venv/.dev  ## update the pinned dependencies
	$(BIN)/uv pip compile pyproject.toml $(LOCK_FLAGS) -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group dev -c requirements.txt $(LOCK_FLAGS) -o requirements-dev.txt

LOCK_FLAGS := --python-version 3.13 --universal --generate-hashes --no-header --no-emit-index-url \
	--no-emit-find-links --no-annotate --upgrade -q

clean:
	rm -rf .venv sandbox/node_modules build

.venv/.made:
	$(PYTHON) -m venv .venv
	touch $@

.venv/.product: requirements.txt .venv/.made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@

.venv/.dev: requirements-dev.txt .venv/.product
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

$(SANDBOX): sandbox/package-lock.json
	cd sandbox && npm ci --silent --no-audit --no-fund --ignore-scripts
