# make quickstart   set up, convert megatron-core, train a tiny GPT on MindSpore, compare with PyTorch
# make test         lint, type check and the whole test suite (make test-fast: without the long tail)
PYTHON ?= python3
VENV ?= .venv
# The reference of the tests. Where plain pip would bring CUDA packages, name the index of the CPU build:
#   make test TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
MEGATRON := 0.12.1
# Projects whose own test suites show that converted code does the same.
SUITES := einops==0.8.2 linear_operator==0.6.1 gpytorch==1.15.2

BIN := $(VENV)/bin
WORK := .quickstart
SOURCES := $(WORK)/upstream/megatron_core-$(MEGATRON)
CONVERTER := $(shell find convert rules -name "*.py" -o -name "*.yaml")
EXAMPLE := $(wildcard examples/megatron_core_gpt/*.py)
say = @printf '\n== %s\n' "$(1)"

.PHONY: quickstart test test-fast lint setup-test clean

quickstart: $(WORK)/run.json
	$(call say,Conversion)
	@cat $(WORK)/convert.txt
	$(call say,Losses on MindSpore and under PyTorch)
	@$(BIN)/python examples/megatron_core_gpt/compare.py $(WORK)/run.json tests/data/results/llama.json

$(BIN)/python:
	$(call say,Making the virtual environment $(VENV))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

$(WORK)/installed: pyproject.toml setup.py | $(BIN)/python
	$(call say,Installing ms-convert and MindSpore)
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -e '.[quickstart]'
	@mkdir -p $(WORK) && touch $@

# pip asks the sources for their build requirements even when it only fetches them, and their setup.py runs
# "python3 -m pybind11": a small environment of its own has it.
$(SOURCES)/setup.py:
	$(call say,Taking the sources of megatron-core $(MEGATRON) from PyPI)
	@mkdir -p $(WORK)/upstream
	$(PYTHON) -m venv $(WORK)/fetch
	$(WORK)/fetch/bin/python -m pip install --quiet --disable-pip-version-check pybind11 'setuptools<80' wheel
	PATH="$(CURDIR)/$(WORK)/fetch/bin:$$PATH" $(WORK)/fetch/bin/python -m pip download --disable-pip-version-check \
	  --no-build-isolation --no-deps --no-binary megatron-core --dest $(WORK)/upstream megatron-core==$(MEGATRON)
	tar -xzf $(WORK)/upstream/megatron_core-$(MEGATRON).tar.gz -C $(WORK)/upstream
	@touch $@

$(WORK)/convert.txt: $(WORK)/installed $(SOURCES)/setup.py $(CONVERTER) $(EXAMPLE)
	$(call say,Converting megatron-core and the example)
	@rm -rf $(WORK)/converted $@ && mkdir -p $(WORK)/converted
	@$(BIN)/ms-convert $(SOURCES) --rules rules/llm.yaml -o $(WORK)/converted/megatron_core | tee $@.part
	@$(BIN)/ms-convert examples/megatron_core_gpt --rules rules/llm.yaml -o $(WORK)/converted/example | tee -a $@.part
	@mv $@.part $@

$(WORK)/run.json: $(WORK)/convert.txt $(shell find shims -name '*.py')
	$(call say,Training a tiny GPT on MindSpore: 10 iterations)
	@PYTHONPATH=$(WORK)/converted/megatron_core $(BIN)/python $(WORK)/converted/example/train.py \
	  --data tests/data --output $@.part
	@mv $@.part $@

$(WORK)/suites/fetched:
	$(call say,Taking the sources of $(SUITES) from PyPI)
	@mkdir -p $(WORK)/suites
	$(PYTHON) -m venv $(WORK)/fetch-suites
	$(WORK)/fetch-suites/bin/python -m pip install --quiet --disable-pip-version-check hatchling setuptools-scm 'setuptools<80' wheel
	$(WORK)/fetch-suites/bin/python -m pip download --quiet --disable-pip-version-check --no-build-isolation --no-deps \
	  --no-binary :all: --dest $(WORK)/suites $(SUITES)
	for sdist in $(WORK)/suites/*.tar.gz; do tar -xzf $$sdist -C $(WORK)/suites || exit 1; done
	@touch $@

setup-test: $(WORK)/tests-installed $(SOURCES)/setup.py $(WORK)/suites/fetched

$(WORK)/tests-installed: pyproject.toml setup.py | $(BIN)/python
	$(call say,Installing the test tools and the reference PyTorch)
	@mkdir -p $(WORK)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[test]'
	@touch $@

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2

test-fast: lint
	$(BIN)/python -m pytest -n 2 -m "not slow"

clean:
	rm -rf $(VENV) $(WORK)
