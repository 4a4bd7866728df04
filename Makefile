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
.PHONY: help course site lab test stacks test-colab bench data clean weights format constraints
.DELETE_ON_ERROR:
.NOTPARALLEL:

help:
	@echo "make course   run every lesson in order; pages, MIDI, MXL and sound land in outputs/"
	@echo "make site     the same, and the pages as a web site for GitHub Pages: outputs/site"
	@echo "make lab      open the lessons in JupyterLab"
	@echo "make test     run the tests, every lesson among them"
	@echo "make test-colab   run lessons and tests with Colab's package versions, and lesson 09 in Voilà"
	@echo "make bench    compare speeds, as ratios, and compare the model with baselines (an hour)"
	@echo "make data     build data_sample/ again from music21's own scores"
	@echo "make clean    remove outputs/ and caches (.venv stays)"

course: $(STAMPS)-notebooks $(STAMPS)-system data_sample/manifest.csv
	@$(RUN) -m tools.run_notebooks $(if $(PARAMETERS),--parameters "$(PARAMETERS)")
	@echo "Open outputs/pages/index.html to read and hear the lessons."

# Every page holds its own pictures and sounds; .nojekyll tells GitHub Pages to serve them as they are.
site: course
	@rm -rf outputs/site && mkdir outputs/site
	@cp outputs/pages/*.html outputs/site && touch outputs/site/.nojekyll
	@echo "outputs/site is a web site; README.md says how to publish it."

lab: $(STAMPS)-notebooks $(STAMPS)-system data_sample/manifest.csv
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/00_start_here.ipynb

test: $(STAMPS)-test $(STAMPS)-system-test data_sample/manifest.csv
	$(RUN) -m pytest -m "not benchmark"

# What the lessons meet elsewhere, another 3 GB, so it is no part of `make test`: Colab's packages
# with the course put into them as a setup cell does it, JupyterLab 3.6, whose widgets speak with
# Colab's ipywidgets 7 (it knows no Python after 3.12), and Voilà, which serves a lesson as an app.
STACKS := build/stacks
VENV := uv venv --quiet --allow-existing --python
INSTALL := uv pip install --quiet --python $(STACKS)
stacks: $(STAMPS)-test
	$(VENV) 3.13 $(STACKS)/kernel
	$(INSTALL)/kernel -r tests/colab_versions.txt \
	    ipykernel==6.17.1 h5py==3.16.0 protobuf==5.29.6 pillow==11.3.0
	$(INSTALL)/kernel -e ".[extras]"
	$(INSTALL)/kernel -c tests/colab_versions.txt hypothesis nbformat pytest
	$(VENV) ">=3.11,<3.13" $(STACKS)/lab
	$(INSTALL)/lab "jupyterlab==3.6.*" "notebook<7" jupyterlab_widgets==1.1.11 \
	    anywidget==0.9.21 "setuptools<80"
	$(VENV) ">=3.11,<3.14" $(STACKS)/voila
	$(INSTALL)/voila "voila==0.5.*" "ipywidgets>=8" anywidget

test-colab: stacks $(STAMPS)-system-test
	LSTMGAN_STACKS=$(STACKS) $(RUN) -m pytest tests/widgets/test_browser_colab.py
	$(STACKS)/kernel/bin/python -m pytest -W ignore -m "not browser and not benchmark" \
	    $(addprefix tests/widgets/test_,player.py resampling.py listening.py) tests/test_audio.py \
	    tests/test_runtime.py tests/test_sampling.py \
	    tests/test_generator.py tests/test_gan.py tests/pianoroll/test_pianoroll.py

bench: $(STAMPS)-bench $(STAMPS)-system
	$(RUN) -m benchmarks.bench_conversion
	$(RUN) -m benchmarks.bench_faults
	$(RUN) -m pytest -m benchmark -s benchmarks

# The shipped weights, from the songs that come with music21 and the package: two hours on 2 cores.
weights: $(STAMPS)-bench
	$(RUN) -m benchmarks.train_weights folk --ship adversarial
	$(RUN) -m benchmarks.train_weights piano --ship pretraining
	$(RUN) -m benchmarks.long_pieces
	$(RUN) -m benchmarks.report --keep

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

# The versions of .venv for every Python from 3.11 on: uv keeps what a file pins where it still fits,
# and adds markers where versions must differ.
constraints: $(STAMPS)-test
	uv pip freeze --python $(RUN) --exclude-editable | grep -v '^setuptools==' >$(STAMPS)-pins
	echo uv | uv pip compile --universal --python-version 3.11 --quiet --no-header --no-annotate \
	    --extra notebooks --extra test --extra bench --extra cluster pyproject.toml - -o $(STAMPS)-pins
	cp $(STAMPS)-pins constraints.txt

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
