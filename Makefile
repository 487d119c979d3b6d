PYTHON ?= python3
BIN := .venv/bin
# Exact versions of everything, so that what passed yesterday passes today; `make lock` moves on.
LOCK := constraints.txt
PIP := $(BIN)/python -m pip install --quiet --constraint $(LOCK)
INSTALL ?= $(PIP)
LOCKED := cluster generation gpu lint postgresql ptx reference server test xgb

.PHONY: demo test test-machines test-ptx fuzz test-package test-latest lint test-reference goldens api baselines-page lock \
	peers peers-intelex bench bench-compare clean

# Build the environment, install, and run the main job on the embedded default.
demo: .venv/installed
	$(BIN)/dataperf-fast demo

# Both cores; CUDA kernels on Numba's simulator.
test: .venv/installed-test
	$(BIN)/python -m pytest -m "not reference and not package $(BUT)" -n auto --maxprocesses 4 --dist loadfile
	NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest tests/cuda -n auto --maxprocesses 4 --dist loadfile

# The parity tests on other processors' kernels, a line each: make test-machines MACHINES='Prescott numba-generic'
test-machines: .venv/installed-test
	$(BIN)/python -m tests.machines $(MACHINES)

# CUDA kernels as they are compiled and linked for cards, and the CUDA tests on a CPU that runs that code (gcc); no GPU
# needed, half a gigabyte of compilers is.
test-ptx: .venv/installed-test .venv/installed-ptx
	$(BIN)/python -m pytest tests/ptx_machine
	$(BIN)/python -m pytest -p tests.ptx_machine.plugin tests/cuda -m "not long"

# Official files of all boards, spoilt by a seed, and odd environments: exits 0 or 2, a line each; cases with a fault stay.
fuzz: .venv/installed-test
	$(BIN)/python -m tests.fuzz --cases $(or $(CASES),5000) --first $(or $(FIRST),0)

# The sdist and the wheel are whole; a ZIP of the repository, installed far from here, runs the demo.
test-package: .venv/installed-test
	$(BIN)/python -m pytest -m package

# The newest of everything that pyproject.toml allows, in an environment of its own.
test-latest:
	rm -rf .venv-latest
	$(PYTHON) -m venv .venv-latest
	.venv-latest/bin/python -m pip install --quiet setuptools --editable '.[test]'
	.venv-latest/bin/python -m pytest -m "not reference and not package" -n auto --maxprocesses 4 --dist loadfile

lint: .venv/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The live comparison with PyTorch, which `make test` does without; CI leaves the long part out.
test-reference: .venv/installed-test .venv/installed-reference
	$(BIN)/python -m pytest -m "reference $(BUT)" -n auto --maxprocesses 4

# Rewrite data/golden from the reference pipelines; only ever run on purpose.
goldens: .venv/installed-test .venv/installed-reference
	$(BIN)/python -m tests.write_goldens

# Rewrite docs/api.md from the docstrings of the public names.
api: .venv/installed-test
	$(BIN)/python -m tests.write_api

# docs/baselines.md: the paper's tables beside ours, some ten minutes.
baselines-page: .venv/installed
	$(BIN)/python -m benchmarks_perf.baselines_page

# Rewrite the lock with the newest of everything, for all platforms and every Python from 3.11 on.
lock: .venv/installed
	$(PIP) uv
	UV_SYSTEM_CERTS=1 $(BIN)/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
		--annotation-style line --custom-compile-command "make lock" --output-file $(LOCK) \
		--group install $(addprefix --extra ,$(LOCKED)) pyproject.toml

# Shapley's peers want NumPy 1: an environment of their own. datascope builds from source and does not say with what.
peers: .venv-peers/installed

.venv-peers/installed:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet 'numpy<2' cython setuptools wheel
	.venv-peers/bin/python -m pip install --quiet 'pyDVL==0.10.0' 'datascope==0.0.32'
	touch $@

# scikit-learn-intelex replaces scikit-learn's classes: an environment of its own too.
peers-intelex: .venv-intelex/installed

.venv-intelex/installed:
	$(PYTHON) -m venv .venv-intelex
	.venv-intelex/bin/python -m pip install --quiet --constraint $(LOCK) --editable . scikit-learn-intelex
	touch $@

bench: .venv/installed-reference .venv/installed-cluster .venv-peers/installed .venv-intelex/installed
	$(BIN)/python -m benchmarks_perf.suite
	$(BIN)/python -m benchmarks_perf.scikit_peers --intelex .venv-intelex/bin/python
	$(BIN)/python -m benchmarks_perf.debugging
	$(BIN)/python -m benchmarks_perf.debugging_models
	$(BIN)/python -m benchmarks_perf.speech
	$(BIN)/python -m benchmarks_perf.vision
	$(BIN)/python -m benchmarks_perf.acquisition
	$(BIN)/python -m benchmarks_perf.valuation
	$(BIN)/python -m benchmarks_perf.organizer
	$(BIN)/python -m benchmarks_perf.nibbler
	$(BIN)/python -m benchmarks_perf.tables

# What has become slower since a commit: make bench-compare BASE=HEAD~5
bench-compare: .venv/installed
	$(BIN)/python -m benchmarks_perf.compare $(BASE)

.venv/installed: pyproject.toml $(LOCK)
	$(PYTHON) -m venv .venv
	$(PIP) setuptools # once, and from the lock, not in an environment of its own at every install
	$(INSTALL) --no-build-isolation --editable .
	touch $@

.venv/installed-%: .venv/installed
	$(INSTALL) --no-build-isolation --editable '.[$*]'
	touch $@

# By pip in CI too: machines say in its settings which build of PyTorch they want.
.venv/installed-reference: .venv/installed
	$(PIP) --no-build-isolation --editable '.[reference]'
	touch $@

clean:
	rm -rf .compiled .venv .venv-latest .venv-peers .venv-intelex build dist *.egg-info dataperf-demo .mypy_cache .ruff_cache .pytest_cache
