# Every target does its own set-up: all that a machine needs is git, make and Python 3.11, 3.12 or 3.13.
# `make course PARAMETERS=mine.json` runs the lessons on your own values; PYTHON=... picks a Python.

PYTHON ?=
PARAMETERS ?=
BIN := .venv/bin
STAMPS := .venv/ready
RUN := $(BIN)/python

export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help course lab test test-colab bench data clean weights format constraints
.DELETE_ON_ERROR:
.NOTPARALLEL:

help:
	@echo "make course   run every lesson in order; pages, MIDI, MXL and sound land in outputs/"
	@echo "make lab      open the lessons in JupyterLab"
	@echo "make test     run the tests, every lesson among them"
	@echo "make test-colab   run lessons and tests with Colab's package versions, and lesson 07 in Voilà"
	@echo "make bench    compare speeds, as ratios, and compare the model with baselines (an hour)"
	@echo "make data     build data_sample/ again from music21's own scores"
	@echo "make clean    remove outputs/ and caches (.venv stays)"

course: $(STAMPS)-notebooks $(STAMPS)-system data_sample/manifest.csv
	@$(RUN) -m tools.run_notebooks $(if $(PARAMETERS),--parameters "$(PARAMETERS)")
	@echo "Open outputs/pages/index.html to read and hear the lessons."

lab: $(STAMPS)-notebooks $(STAMPS)-system data_sample/manifest.csv
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/00_start_here.ipynb

test: $(STAMPS)-test $(STAMPS)-system-test data_sample/manifest.csv
	$(RUN) -m pytest -m "not benchmark"

# Downloads another 3 GB, so it is not part of `make test`; `make clean` removes the stacks.
test-colab: $(STAMPS)-test $(STAMPS)-system-test
	sh tools/colab_stack.sh build/stacks
	LSTMGAN_STACKS=build/stacks $(RUN) -m pytest tests/widgets/test_browser_colab.py
	build/stacks/kernel/bin/python -m pytest -W ignore -m "not browser and not benchmark" \
	    $(addprefix tests/widgets/test_,player.py resampling.py listening.py) tests/test_audio.py \
	    tests/test_runtime.py tests/test_sampling.py \
	    tests/test_generator.py tests/test_gan.py tests/pianoroll/test_pianoroll.py

bench: $(STAMPS)-bench $(STAMPS)-system
	$(RUN) -m benchmarks.bench_conversion
	$(RUN) -m benchmarks.bench_faults
	$(RUN) -m pytest -m benchmark -s benchmarks

# The shipped weights, from the tunes that come with music21: about an hour on 2 cores.
weights: $(STAMPS)-bench
	$(RUN) -m benchmarks.train_folk

data: $(STAMPS)-notebooks
	$(RUN) data_sample/make_data_sample.py

# Only where it is missing: the sample is in git, and its dates say nothing.
data_sample/manifest.csv: | $(STAMPS)-notebooks
	$(RUN) data_sample/make_data_sample.py

clean:
	rm -rf outputs build dist .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name .venv -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) \
	    -exec rm -rf {} +

# For those who change the course: tidy sources and notebooks, fill links, pin new versions.
format: $(STAMPS)-test
	$(RUN) -m tools.build_navigation
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

constraints: $(STAMPS)-test
	sh tools/make_constraints.sh

# Stamps: set-up is done once, and again when the lists of packages change.
$(STAMPS)-notebooks: EXTRAS := notebooks
$(STAMPS)-test: EXTRAS := test
$(STAMPS)-bench: EXTRAS := bench
$(STAMPS)-notebooks $(STAMPS)-test $(STAMPS)-bench: pyproject.toml constraints.txt tools/make_environment.sh
	@sh tools/make_environment.sh "$(EXTRAS)" "$(PYTHON)"
	@touch $@

$(STAMPS)-system: tools/system_packages.sh | $(STAMPS)-notebooks
	@sh tools/system_packages.sh course
	@touch $@

$(STAMPS)-system-test: tools/system_packages.sh | $(STAMPS)-test
	@sh tools/system_packages.sh test
	@touch $@
