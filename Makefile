# make gd-8p     general distillation of TinyBERT: 8 CPU ranks here, or 8 NPUs with CLUSTER=
# make td-sst2   DATA= SST-2 of GLUE: teacher, student distilled in two phases, student without a teacher, on SEEDS= 1 2 3
# make smoke     do all ranks add up, and how fast: a minute before a job of hours; CLUSTER=, RANKS=, ARGS=
# make test      everything that is tested on one machine
# make test-cluster   runs over many hosts, which it makes on this machine (root); FULL=1 for the long tests
# Variables of gd-8p, all optional: CLUSTER= cluster file, DATA= dump, text or TFRecord directory, VOCAB= vocab.txt,
# TEACHER= model directory, RANKS=, STEPS=, ARGS= more words for `launcher run`.

PYTHON  ?= $(shell command -v python3.11 || command -v python3)
VENV    := .venv
BIN     := $(VENV)/bin
CLUSTER ?= rank_tables/local.yaml
DATA    ?=
VOCAB   ?=
TEACHER ?=
RANKS   ?=
STEPS   ?=
ARGS    ?=

.PHONY: td-sst2 bench-data bench-images bench-launch bench-train help smoke setup setup-dev gd-8p lint check test test-images test-cluster golden bench-scale clean
.DELETE_ON_ERROR:

help:
	@sed -n '1,8s/^# //p' Makefile

# ---- set-up: a virtual environment, made anew when its requirements change

setup: $(VENV)/.cpu
setup-dev: $(VENV)/.dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 9) < sys.version_info[:2] < (3, 12))' || \
	  { echo "MindSpore needs Python 3.10 or 3.11 here; name one: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.cpu: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable '.[cpu]'
	@touch $@

$(VENV)/.dev: $(VENV)/.cpu
	$(BIN)/pip install --quiet --editable '.[cpu,convert,export,dev]'
	@touch $@

# ---- the flagship: what it needs is prepared by jobs of the launcher, once for each DATA and VOCAB

KEY      := $(if $(DATA)$(VOCAB),$(shell printf '%s|%s' '$(abspath $(DATA))' '$(abspath $(VOCAB))' | cksum | cut -d' ' -f1),docstrings)
PREPARED := $(CURDIR)/prepared/$(KEY)
RECORDS  := $(PREPARED)/tfrecord/manifest.json
TAUGHT   := $(PREPARED)/teacher/teacher-final/config.json
RECORDS_GIVEN := $(if $(DATA),$(wildcard $(DATA)/.))
RUN      := $(BIN)/launcher run --cluster '$(CLUSTER)'

PREPARE_SET := --set 'volumes.output.source=$(PREPARED)' \
  $(if $(DATA),--set 'volumes.text={source: "$(abspath $(DATA))"}') \
  $(if $(VOCAB),--set 'volumes.vocabulary={source: "$(abspath $(VOCAB))"}')

ifneq ($(CLUSTER),rank_tables/local.yaml)
# Elsewhere DATA and TEACHER are paths on the hosts, and nothing is prepared on the way.
GD_SET := $(if $(DATA),--set 'volumes.dataset.source=$(DATA)') $(if $(TEACHER),--set 'volumes.teacher.source=$(TEACHER)')
GD_NEEDS :=
else
DATASET := $(if $(RECORDS_GIVEN),$(abspath $(DATA)),$(PREPARED)/tfrecord)
GD_SET := --set 'volumes.dataset.source=$(DATASET)' \
  --set 'volumes.teacher.source=$(or $(and $(TEACHER),$(abspath $(TEACHER))),$(dir $(TAUGHT)))'
GD_NEEDS := $(if $(TEACHER),$(if $(RECORDS_GIVEN),,$(RECORDS)),$(TAUGHT))
endif

gd-8p: $(VENV)/.cpu $(GD_NEEDS)
	$(RUN) jobs/gd-8p.yaml $(GD_SET) $(if $(RANKS),--set ranks=$(RANKS)) \
	  $(if $(STEPS),--set script.parameters.steps=$(STEPS)) $(ARGS)

# Task distillation on SST-2 in small: for each seed a teacher, a student by phases 1 and 2, and a student without a
# teacher; then all of them on every row of dev. What is there is not made again.
SEEDS    ?= 1 2 3
TD_SET   := --set 'volumes.dataset.source=$(PREPARED)/records' --set 'script.parameters.lengths="8,16,32"'
TD_MODEL := teacher/model-final plain/model-final td1/student-final td2/student-final
FINETUNE  = $(RUN) jobs/finetune.yaml $(TD_SET) \
  --set 'volumes.vocabulary={source: "$(or $(and $(VOCAB),$(abspath $(VOCAB))),$(PREPARED)/vocab.txt)"}'
DISTIL    = $(RUN) jobs/td-sst2.yaml $(TD_SET) --set 'volumes.teacher.source=$(PREPARED)/seed-$*/teacher/model-final'
SEEDED    = --set script.parameters.seed=$* --set 'volumes.output.source=$(PREPARED)/seed-$*/$(1)' \
  $(foreach each,$(2),--set script.parameters.$(each))

ifeq ($(CLUSTER)|$(wildcard $(DATA)/train.tsv),rank_tables/local.yaml|$(DATA)/train.tsv)
td-sst2: $(foreach seed,$(SEEDS),$(foreach model,$(TD_MODEL),$(PREPARED)/seed-$(seed)/$(model)/config.json))
	$(RUN) jobs/evaluate.yaml --set 'volumes.dataset.source=$(PREPARED)/records' \
	  --set 'volumes.model.source=$(PREPARED)' --set 'volumes.output.source=$(PREPARED)/evaluation' $(ARGS)
	@PYTHONPATH=jobs $(BIN)/python -m tinybert.distillation_table '$(PREPARED)/evaluation/evaluation.json'
else
td-sst2:
	@echo "give DATA=, a directory with train.tsv and dev.tsv of SST-2 (GLUE); for other clusters there are" \
	  "jobs/glue.yaml, finetune.yaml, td-sst2.yaml and evaluate.yaml (docs/td.md)" >&2; exit 2
endif

# They are whole as soon as they are there: a stage writes them last, some seconds before the launcher ends.
.PRECIOUS: $(RECORDS) $(TAUGHT) $(foreach model,$(TD_MODEL),$(PREPARED)/seed-%/$(model)/config.json)

$(PREPARED)/records/dev.tfrecord.json: $(wildcard $(DATA)/train.tsv $(DATA)/dev.tsv) $(VOCAB) | $(VENV)/.cpu
	@mkdir -p '$(PREPARED)'
	$(RUN) jobs/sst2.yaml --set 'volumes.data.source=$(abspath $(DATA))' --set 'volumes.output.source=$(PREPARED)' \
	  $(if $(VOCAB),--set 'volumes.vocabulary={source: "$(abspath $(VOCAB))"}')
	@touch $@

$(PREPARED)/seed-%/teacher/model-final/config.json: $(PREPARED)/records/dev.tfrecord.json
	@mkdir -p '$(PREPARED)/seed-$*/teacher'
	$(FINETUNE) $(call SEEDED,teacher,epochs=2 dropout=0.1)
	@touch $@

$(PREPARED)/seed-%/plain/model-final/config.json: $(PREPARED)/records/dev.tfrecord.json
	@mkdir -p '$(PREPARED)/seed-$*/plain'
	$(FINETUNE) $(call SEEDED,plain,size=student epochs=5 dropout=0.1 learning_rate=1e-3)
	@touch $@

$(PREPARED)/seed-%/td1/student-final/config.json: $(PREPARED)/seed-%/teacher/model-final/config.json
	@mkdir -p '$(PREPARED)/seed-$*/td1'
	$(DISTIL) $(call SEEDED,td1,phase=1 from_scratch=true epochs=2 learning_rate=1e-3)
	@touch $@

$(PREPARED)/seed-%/td2/student-final/config.json: $(PREPARED)/seed-%/td1/student-final/config.json
	@mkdir -p '$(PREPARED)/seed-$*/td2'
	$(DISTIL) --set 'volumes.student={source: "$(PREPARED)/seed-$*/td1/student-final"}' \
	  $(call SEEDED,td2,phase=2 epochs=3 dropout=0.1 learning_rate=1e-3)
	@touch $@

smoke: $(VENV)/.cpu
	$(BIN)/launcher smoke --cluster '$(CLUSTER)' $(if $(RANKS),--ranks $(RANKS)) $(ARGS)

$(RECORDS): $(if $(DATA),$(DATA)) $(VOCAB) | $(VENV)/.cpu
	@mkdir -p '$(PREPARED)'
	$(RUN) jobs/prepare.yaml $(PREPARE_SET)
	@touch $@

$(TAUGHT): $(if $(RECORDS_GIVEN),,$(RECORDS)) | $(VENV)/.cpu
	@mkdir -p '$(PREPARED)'
	$(RUN) jobs/teacher.yaml --set 'volumes.dataset.source=$(DATASET)' \
	  --set 'volumes.output.source=$(PREPARED)/teacher'
	@touch $@

# ---- development

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# FULL=1 runs the long tests, too, here and below.
SHORT := $(if $(FULL),,-m 'not full')
check: lint
	$(BIN)/pytest -q -n 4 $(SHORT) tests/unit --ignore=tests/unit/tinybert
	$(BIN)/pytest -q -n 2 $(SHORT) tests/unit/tinybert

# Most end-to-end tests wait for processes, so several share a core; those with MindSpore need the cores for themselves.
# Coverage is of launcher/ alone, so what tests the jobs runs without it.
COVER := --cov --cov-append --cov-report= --cov-fail-under=0
test: lint
	$(BIN)/coverage erase
	$(BIN)/pytest -q $(COVER) -n 4 $(SHORT) tests/unit --ignore=tests/unit/tinybert
	$(BIN)/pytest -q -n 2 $(SHORT) tests/unit/tinybert
	$(BIN)/pytest -q $(COVER) -n 4 -m 'not mindspore $(if $(FULL),,and not full)' tests/e2e
	$(BIN)/pytest -q -m 'mindspore $(if $(FULL),,and not full)' tests/e2e
	$(BIN)/coverage report

# Root only: hosts are made on this machine.
test-images: $(VENV)/.dev
	$(BIN)/python -m tests.cluster.images

# Each of three sessions has hosts of its own; most tests wait.
test-cluster: $(VENV)/.dev
	$(BIN)/pytest -q -n 3 $(SHORT) tests/cluster

# Beside the launcher, OpenSSH and Ansible start the same containers; Ansible's module for them wants python3-requests on hosts.
bench-launch: $(VENV)/.dev
	$(BIN)/pip install --quiet "ansible>=12,<13"
	$(BIN)/python -m tests.bench.launch $(ARGS)

# An image from one host to 1 and to 8 others with links of 20 MB/s; prints Markdown.
bench-images: $(VENV)/.dev
	$(BIN)/python -m tests.bench.images $(ARGS)

# What data costs. TEXT= a corpus, VOCAB= its vocabulary; REFERENCE= a checkout of google-research/bert, whose script
# ARGS=--reference-python=… runs, a Python that has TensorFlow; DUMP= of Wikipedia. Prints Markdown; ARGS=--write=docs/benchmarks.md
# puts it there.
bench-data: $(VENV)/.dev
	@test -n '$(TEXT)' -a -n '$(VOCAB)' || { echo "give TEXT= (a sentence a line) and VOCAB=" >&2; exit 2; }
	$(BIN)/python -m tests.bench.data --text='$(TEXT)' --vocab='$(VOCAB)' $(if $(REFERENCE),--reference='$(REFERENCE)') \
	  $(if $(DUMP),--dump='$(DUMP)') $(ARGS)

# A step of general distillation beside PyTorch eager, and samples a second by ranks; prints Markdown. TORCH_PYTHON= a Python
# with torch and NumPy (`python3.11 -m venv torch && torch/bin/pip install torch 'numpy<2'`): without one, ours alone.
bench-train: $(VENV)/.dev
	PYTHONPATH=jobs $(BIN)/python -m tests.bench.train $(if $(TORCH_PYTHON),--torch-python='$(TORCH_PYTHON)') $(ARGS)

golden: $(VENV)/.dev
	LAUNCHER_GOLDEN=1 $(BIN)/pytest -q tests/unit -k golden
	@git --no-pager diff --stat -- tests/golden

# 125 to 1,000 simulated hosts: how time and memory grow. HOSTS="…" for other numbers; prints Markdown.
bench-scale: $(VENV)/.dev
	$(BIN)/python -m tests.bench.scale $(if $(HOSTS),--hosts $(HOSTS))

clean:
	rm -rf prepared build dist .pytest_cache .mypy_cache .ruff_cache .coverage*
