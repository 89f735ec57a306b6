# Two commands do all: `make demo` and `make test`.  Each makes the environment that it needs.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# A process for each core, up to four: each holds torch, and some hold transformers too.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadscope

.PHONY: demo test proofs lint bench bench-gpu clean help

help:  ## show this
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/ —/'

demo: $(VENV)/.train  ## install, and run specs/quickstart.lehr from text to a trained model
	$(BIN)/lehr run specs/quickstart.lehr

test: $(VENV)/.dev  ## install, and pass the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(SIDE_BY_SIDE)

proofs: $(VENV)/.dev  ## the long tests: three seeds of learning, kills at random moments
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m proof -rP $(SIDE_BY_SIDE) --no-loadscope-reorder

lint: $(VENV)/.dev  ## ruff, types, the layer contract, and the specs themselves
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/python -m pytest -q tests/test_layers.py
	$(BIN)/lehr fmt --check specs
	$(BIN)/lehr check specs

bench: $(VENV)/.dev  ## measure; every script prints a ratio against a named peer or limit
	$(BIN)/python bench/check_speed.py
	$(BIN)/python bench/check_scale.py
	$(BIN)/python bench/plan_speed.py
	$(BIN)/python bench/attention_packing.py
	$(BIN)/python bench/kernels_cpu.py
	$(PIP) -e '.[train,bench]'
	$(BIN)/python bench/train.py

bench-gpu: $(BIN)/python  ## time the kernels on a GPU beside torch's and Liger's: bench/results/kernels-gpu-<device>.md
	$(PIP) -e '.[train,bench-gpu]'
	$(BIN)/python bench/kernels_gpu.py

clean:  ## remove what was made here, but not runs/
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.train: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[train]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[train,dev]'
	@touch $@
