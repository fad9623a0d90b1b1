# The two commands a newcomer needs: `make sandbox` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000

.PHONY: sandbox spark test coverage lint types contracts mutation lock clean

## install what running needs, start the sandbox EHR and the service on loopback
sandbox: $(VENV)/.installed
	$(BIN)/cds-service sandbox --port $(PORT)

## install Spark too (some 300 MB to fetch; Java 17 or later must be there): with it `make test` tests the Spark engine
spark: $(VENV)/.installed-spark

## install what testing needs, run every test
test: $(VENV)/.installed-dev
	$(BIN)/pytest -n auto --dist worksteal

## every branch of domain/ is taken by the specifications and the cases
coverage: $(VENV)/.installed-dev
	$(BIN)/pytest -n auto tests/spec tests/cases tests/second_trial tests/unit/test_lesions_*.py tests/unit/test_assessment_schema.py \
		--cov=cds_service.domain --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100

## style, types and the direction of the arrows
lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

contracts: $(VENV)/.installed-dev
	$(BIN)/lint-imports

## how well the tests of domain/ bite (long; not part of the tests)
mutation: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.mutation

## write the lock files anew from pyproject.toml
lock: $(VENV)/.installed-dev
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra sandbox --group build --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-strip-extras --no-header --no-annotate --quiet --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra sandbox --extra postgresql --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-strip-extras --no-header --no-annotate --quiet --constraint requirements.lock --output-file requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --extra spark --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-strip-extras --no-header --no-annotate --quiet --constraint requirements-dev.lock --output-file requirements-spark.lock

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python requirements-dev.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $(VENV)/.installed $@

# pyspark is built from source: by the setuptools of the lock file, not by the newest one that isolation would fetch.
$(VENV)/.installed-spark: $(VENV)/.installed-dev requirements-spark.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --require-hashes --requirement requirements-spark.lock
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
