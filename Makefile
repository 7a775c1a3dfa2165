# Two commands: `make run` takes the images to a gated int8 model, `make test` runs every check.
#
#   make run  [DATA=DIR] [PRESET=full|blind|cell|portable|quick] [SEED=1] [SPLIT=TEST] [POLICY=FILE.toml]
#   make test [LEUKOLITE_DATA=DIR in the environment, for the tests that need the real images]
#   make test-pi: the wheel on emulated Raspberry Pis; needs the real images, qemu-user and Debian
#   make fuzz [SECONDS=60]    searches for files and cards that break the runtime
#
# Stages, each a target that leaves files and is skipped when they are up to date:
#   data, float, qat, convert, evaluate, gate, benchmark, report

PRESET ?= full
SEED ?= 1
SPLIT ?= TEST
PYTHON ?= python3
BUILD ?= build/$(PRESET)-seed$(SEED)

.DELETE_ON_ERROR:
.ONESHELL:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VENV := .venv
PY := $(VENV)/bin/python
LEUKOLITE := $(VENV)/bin/leukolite
READY := $(VENV)/ready
EXTRAS := train,audit,cluster,clients,peers,fast,sign,bench,test

SOURCE := $(BUILD)/data/source.json
FLOAT := $(BUILD)/float/run.json
QAT := $(BUILD)/qat/run.json
CONFIDENCE := $(BUILD)/confidence.json
SUMS := $(BUILD)/bundles/SHA256SUMS
INT8 := $(BUILD)/bundles/leukolite-int8.tflite
FLOAT32 := $(BUILD)/bundles/leukolite-float32.tflite
OTHER_BUNDLES = $(addprefix $(BUILD)/bundles/leukolite-,float16.tflite dynamic.tflite int8-ptq.tflite)
EVALUATIONS := $(BUILD)/reports/int8.json $(BUILD)/reports/float32.json
VERDICT := $(BUILD)/reports/verdict.json
LATENCY := $(BUILD)/reports/latency.json
REHEARSAL := gate-rehearsal.toml
SUMMARY := $(BUILD)/reports/summary.md
REPORT := $(BUILD)/reports/report.html

RUNTIME_CODE := $(wildcard edge_runtime/*.py edge_runtime/gate/*.py)
TRAIN_CODE := $(wildcard train/*.py) edge_runtime/image.py edge_runtime/jpeg.py edge_runtime/dataset.py edge_runtime/groups.py
CONVERT_CODE := $(wildcard convert/*.py) $(RUNTIME_CODE)
BENCH_CODE := $(wildcard benchmarks/*.py benchmarks/commands/*.py benchmarks/report/*.py) $(RUNTIME_CODE)

# Options that depend on files which the data stage leaves or not, and on variables.
groups_option = $$(test -e $(BUILD)/data/groups.csv && echo --groups $(BUILD)/data/groups.csv || true)
# How wide red cells are in the public set, in pixels of the field: the portable model is shown all fields at that size.
red_cells_option = $(if $(filter portable,$(PRESET)),--red-cell-px 50.3)
# How sure a model may be: what the run has of its own, or what is kept of the preset's recipe; if of the same network
# and images, else nothing. A folder of its own for each view but the shipped one's.
KEPT := reports
kept_of = $(KEPT)$(if $(filter full,$(PRESET)),,/$(PRESET))
confidence_option = $$(for each in $(CONFIDENCE) $(kept_of)/confidence.json; do \
	if test -e $$each; then echo --confidence $$each --confidence-if-same; break; fi; done)
policy = $(if $(POLICY),--policy $(POLICY),$(if $(filter quick,$(PRESET)),--policy $(REHEARSAL),$$(grep -q '"rehearsal": true' $(SOURCE) && echo --policy $(REHEARSAL) || true)))
gate_options = --candidate $(BUILD)/reports/int8.json --reference $(BUILD)/reports/float32.json $(policy)

.PHONY: run test test-pi instructions setup data float qat convert evaluate gate benchmark report lint unit fuzz wheel clean help crossval record ship-other ship figures attribution mutations shifts latencies history adapt peers confidence record-confidence always

run: report
	@echo "report: $(SUMMARY) (accuracy), $(REPORT) (latency)"
	$(LEUKOLITE) gate $(gate_options)

help:
	@sed -n '1,10s/^# \{0,1\}//p' Makefile

setup: $(READY)
data: $(SOURCE)
float: $(FLOAT)
qat: $(QAT)
convert: $(SUMS)
evaluate: $(EVALUATIONS)
gate: $(VERDICT)
	$(LEUKOLITE) gate $(gate_options)
benchmark: $(LATENCY)
report: $(SUMMARY) $(REPORT)

$(READY): pyproject.toml constraints.txt
	@echo "== setup"
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	export PIP_CONSTRAINT=constraints.txt PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1
	$(PY) -m pip install --no-warn-conflicts -e '.[$(EXTRAS)]'
	# MediaPipe without what it asks for: its absl-py contradicts TensorFlow Model Optimization's, its OpenCV would lie
	# over the headless one, and its classifier needs neither; the rest is among the extras.
	$(PY) -m pip install --no-deps 'mediapipe>=1.2'
	touch $@

# Looked at in every run; source.json changes only when the data set does.
$(SOURCE): $(READY) always
	@echo "== data"
	$(PY) -m train data --out $(BUILD)/data $(if $(DATA),--data "$(DATA)")

$(FLOAT): $(SOURCE) $(TRAIN_CODE)
	@echo "== float: train from scratch"
	$(PY) -m train float --data $(BUILD)/data/root $(groups_option) --preset $(PRESET) --seed $(SEED) --out $(BUILD)/float

$(QAT): $(FLOAT)
	@echo "== qat: fine-tune for int8"
	$(PY) -m train qat --data $(BUILD)/data/root $(groups_option) --run $(BUILD)/float --out $(BUILD)/qat

# What SPLIT and POLICY were, in a file each that changes when they do: what was made for others is not up to date.
$(BUILD)/chosen/%: always
	@mkdir -p $(@D)
	echo '$($*)' | cmp -s - $@ || echo '$($*)' > $@

$(SUMS): $(QAT) $(CONVERT_CODE) $(BUILD)/chosen/SPLIT $(wildcard $(CONFIDENCE))
	@echo "== convert"
	if test -e $(BUILD)/qat/held_out_logits.npz; then $(PY) -m train confidence $(BUILD)/qat --out $(CONFIDENCE); fi
	$(PY) -m convert --float $(BUILD)/float --qat $(BUILD)/qat --data $(BUILD)/data/root --split $(SPLIT) \
		$(groups_option) $(confidence_option) $(red_cells_option) --out $(BUILD)/bundles

$(BUILD)/reports/%.json: $(SUMS)
	@echo "== evaluate $*"
	$(LEUKOLITE) evaluate -m $(BUILD)/bundles/leukolite-$*.tflite --data $(BUILD)/data/root --split $(SPLIT) \
		$(groups_option) --report $@

# A failed gate does not keep the benchmark and the report from being made; `run` ends with its status.
$(VERDICT): $(EVALUATIONS) $(POLICY) $(REHEARSAL) $(BUILD)/chosen/POLICY
	@echo "== gate"
	$(LEUKOLITE) gate $(gate_options) --json $@ --html $(BUILD)/reports/gate.html --data $(BUILD)/data/root >/dev/null || test $$? -eq 1 -o $$? -eq 3

$(LATENCY): $(SUMS) $(BENCH_CODE)
	@echo "== benchmark"
	$(PY) -m benchmarks run --preset rapid --int8 $(INT8) --float32 $(FLOAT32) --bundle $(OTHER_BUNDLES) \
		--data $(BUILD)/data/root --out $@

$(SUMMARY): $(EVALUATIONS) $(VERDICT) $(LATENCY)
	@echo "== summary"
	$(PY) -m benchmarks summary --int8 $(BUILD)/reports/int8.json --float32 $(BUILD)/reports/float32.json \
		--verdict $(VERDICT) --results $(LATENCY) --history $(BUILD)/float/history.csv \
		$(groups_option) --out $(BUILD)/reports

$(REPORT): $(LATENCY)
	@echo "== report"
	$(PY) -m benchmarks report --results $(LATENCY) --html $@ --markdown $(BUILD)/reports/report.md

# How good the recipe is on cells it never saw, over TRAIN and TEST together; the facts, not the pictures, are kept.
crossval: $(SOURCE)
	$(PY) -m train crossval --int8 --data $(BUILD)/data/root --preset cell --groups $(GROUPS) --seed $(SEED) --out $(BUILD)/crossval
	mkdir -p $(KEPT)/crossval
	cd $(BUILD)/crossval && cp trial.json crossval.md sources.csv confusion.png $(CURDIR)/$(KEPT)/crossval/

# How sure a network may be that holds nothing out itself (`make confidence PRESET=cell`, before its bundles), and how
# good its recipe is on TRAIN: by the answers of networks of that recipe that never saw the image's source. It takes as
# long as four runs. Runs with blind towers need no more than they left.
confidence: $(SOURCE)
	$(PY) -m train crossval --int8 --splits TRAIN --data $(BUILD)/data/root --preset $(PRESET) $(groups_option) --seed $(SEED) \
		--out $(BUILD)/crossval-train
	$(PY) -m train confidence $(BUILD)/crossval-train --out $(CONFIDENCE)

# Where accuracy goes between training and device: `make attribution PRESET=full` and `PRESET=cell`. The pictures of
# images whose label changed stay in the build folder; the data are not kept.
VIEW = $(if $(filter full,$(PRESET)),field,$(PRESET))
attribution: $(QAT)
	$(PY) -m convert attribute --float $(BUILD)/float --qat $(BUILD)/qat --data $(DATA_ROOT) --split $(SPLIT) \
		--groups $(GROUPS) --out $(BUILD)/attribution
	mkdir -p $(KEPT)/attribution/$(VIEW)
	cd $(BUILD)/attribution && cp attribution.json attribution.md layers.json layers.md layers.png $(CURDIR)/$(KEPT)/attribution/$(VIEW)/

# For a release. `make record-confidence` keeps what `make confidence` found, `make record SEED=n` the reports of a seed,
# both in reports/ (of the shipped preset) or reports/PRESET. `make ship SEED=n` keeps a seed's bundles in the package,
# and `make figures` renews every figure of the README and the model card from what is kept and shipped.
MODELS := edge_runtime/models
SHIPPED_TRIAL := $(KEPT)/trials/field-taught-two-towers.json
DATA_ROOT := $(BUILD)/data/root
GROUPS := train/facts/blood-cells-groups.csv

record-confidence: $(CONFIDENCE)
	mkdir -p $(kept_of)/held-out
	cp $(CONFIDENCE) $(kept_of)/
	cp $(addprefix $(BUILD)/crossval-train/,crossval.md confusion.png) $(kept_of)/held-out/
	if test $(PRESET) = full; then cp $(BUILD)/crossval-train/trial.json $(SHIPPED_TRIAL); fi

record: $(EVALUATIONS)
	mkdir -p $(kept_of)/test
	cp $(BUILD)/reports/int8.json $(kept_of)/test/seed$(SEED)-int8_qat.json
	cp $(BUILD)/reports/float32.json $(kept_of)/test/seed$(SEED)-float32.json

# The bundles of the presets `cell`, which is not in the package, and `portable`, whose int8 bundle is, as
# `leukolite classify -m portable`: `make ship-other PRESET=portable SEED=1`.
ship-other: $(SUMS)
	mkdir -p $(KEPT)/$(PRESET)/bundles
	cp $(INT8) $(FLOAT32) $(KEPT)/$(PRESET)/bundles/
	grep -E ' leukolite-(int8|float32)[.]tflite$$' $(SUMS) > $(KEPT)/$(PRESET)/bundles/SHA256SUMS
	cp $(addprefix $(BUILD)/bundles/,variants.json variants.md calibration.json) $(KEPT)/$(PRESET)/
	if test $(PRESET) = portable; then
	  mkdir -p $(MODELS)/portable
	  cp $(INT8) $(MODELS)/portable/
	  grep -E ' leukolite-int8[.]tflite$$' $(SUMS) > $(MODELS)/portable/SHA256SUMS
	fi

# With the runs that the bundles are made from, so that anybody can make them again to the byte.
ship: $(SUMS)
	mkdir -p $(MODELS) $(KEPT)/run/float $(KEPT)/run/qat
	cp $(INT8) $(FLOAT32) $(MODELS)/
	grep -E ' leukolite-(int8|float32)[.]tflite$$' $(SUMS) > $(MODELS)/SHA256SUMS
	cp $(addprefix $(BUILD)/bundles/,variants.json variants.md calibration.json) $(KEPT)/
	for stage in float qat; do
	  rm -rf $(KEPT)/run/$$stage/model
	  cp -r $(addprefix $(BUILD)/$$stage/,run.json model) $(KEPT)/run/$$stage/
	done
	cp $(addprefix $(BUILD)/float/,weights.h5 teachers.npz) $(KEPT)/run/float/

# The latencies first: what comes after changes files, and a run should be of a commit.
figures: $(SOURCE) latencies
	for variant in int8 float32; do
	  $(LEUKOLITE) evaluate -m $(MODELS)/leukolite-$$variant.tflite --data $(DATA_ROOT) --split TEST --groups $(GROUPS) \
	    --report $(KEPT)/shipped-$$variant.json
	done
	$(LEUKOLITE) gate --candidate $(KEPT)/shipped-int8.json --reference $(KEPT)/shipped-float32.json \
		--json $(KEPT)/verdict.json
	for page in README.md $(MODELS)/MODEL_CARD.md; do
	  $(PY) -m benchmarks summary --int8 $(KEPT)/shipped-int8.json --float32 $(KEPT)/shipped-float32.json \
	    --verdict $(KEPT)/verdict.json --results $(KEPT)/latency.json --groups $(GROUPS) --out $(KEPT) --readme $$page
	done
	$(PY) -m benchmarks subsets --report $(KEPT)/shipped-int8.json --groups $(GROUPS) \
		--doubted $(KEPT)/crossval/sources.csv --trial $(KEPT)/crossval/trial.json \
		--out $(KEPT)/subsets.md --readme README.md
	$(PY) -m benchmarks seeds --reports '$(KEPT)/test/seed*.json' --out $(KEPT)/seeds-test.md --readme README.md
	$(PY) -m benchmarks trial $(SHIPPED_TRIAL) --name held-out --readme README.md
	$(PY) -m benchmarks seeds --reports '$(KEPT)/cell/test/seed*.json' --out $(KEPT)/cell/seeds-test.md \
		--name seeds-cell --readme docs/recipe.md
	$(PY) -m benchmarks seeds --reports '$(KEPT)/portable/test/seed*.json' --out $(KEPT)/portable/seeds-test.md \
		--name seeds-portable --readme docs/recipe.md
	$(PY) -m benchmarks seeds --reports '$(KEPT)/blind/test/seed*.json' --out $(KEPT)/blind/seeds-test.md \
		--name seeds-blind --readme docs/recipe.md
	$(PY) -m benchmarks seeds --reports '$(KEPT)/blind/held-out/seed*.json' --out $(KEPT)/blind/seeds-held-out.md \
		--name held-out-blind --readme docs/recipe.md
	$(PY) -m benchmarks seeds --reports '$(KEPT)/portable/test/seed*.json' --out $(KEPT)/portable/seeds-test.md \
		--name seeds-portable --readme $(MODELS)/portable/MODEL_CARD.md
	$(PY) -m benchmarks subsets --report $(KEPT)/cell/test/seed1-int8_qat.json --groups $(GROUPS) \
		--doubted $(KEPT)/crossval/sources.csv --out $(KEPT)/cell/subsets.md
	$(PY) -m benchmarks figure --markdown $(KEPT)/variants.md --name variants --readme README.md
	$(PY) -m train trials $(KEPT)/trials/*.json --out $(KEPT)/trials.md
	$(PY) -m train trials $(KEPT)/trials/field*.json --out $(KEPT)/trials-field.md
	$(PY) -m benchmarks figure --markdown $(KEPT)/trials-field.md --name trials-field --readme docs/recipe.md
	$(PY) -m benchmarks tested --readme docs/device.md
	$(PY) -m benchmarks explain --models $(MODELS)/leukolite-{int8,float32}.tflite \
		$(KEPT)/cell/bundles/leukolite-{int8,float32}.tflite --data $(DATA_ROOT) --out $(KEPT)/explain.json \
		--readme docs/explain.md
	$(PY) -m benchmarks refusals --models $(MODELS)/leukolite-int8.tflite $(MODELS)/portable/leukolite-int8.tflite \
		--confidence $(KEPT)/confidence.json $(KEPT)/portable/confidence.json --data $(DATA_ROOT) --groups $(GROUPS) \
		--out $(KEPT)/refusals.json --readme docs/refusals.md || test $$? -eq 1  # what is out of bounds is said, and kept
	$(PY) -m benchmarks pipeline --models $(MODELS)/leukolite-int8.tflite $(KEPT)/cell/bundles/leukolite-int8.tflite \
		--data $(DATA_ROOT) --out $(KEPT)/pipeline.json --readme docs/device.md
	$(PY) -m benchmarks start --out $(KEPT)/start.json --readme docs/device.md
	$(PY) -m benchmarks cores --models $(MODELS)/leukolite-int8.tflite $(KEPT)/cell/bundles/leukolite-int8.tflite \
		$(MODELS)/portable/leukolite-int8.tflite \
		--data $(DATA_ROOT) --out $(KEPT)/cores.json --readme docs/device.md
	$(PY) -m benchmarks size --readme docs/device.md
	$(PY) -m benchmarks references --readme docs/instructions.md
	$(PY) -m benchmarks roofline --kept --out $(KEPT)/roofline.json --readme docs/roofline.md

# How the bundles hold under other stain, light, focus, scale and sensor: minutes. More may be named: `make shifts
# SHIFTED="name=FILE ..."`; the first is what the others are held against.
SHIFTED ?= $(foreach variant,int8 float32,"field $(variant)=$(MODELS)/leukolite-$(variant).tflite") \
	$(foreach view,cell portable,$(foreach variant,int8 float32,"$(view) $(variant)=$(KEPT)/$(view)/bundles/leukolite-$(variant).tflite"))

shifts: $(SOURCE)
	$(PY) -m benchmarks shifts --models $(SHIFTED) --data $(DATA_ROOT) --groups $(GROUPS) --out $(KEPT)/shifts.json \
		--picture $(KEPT)/shifts.png --sheet $(KEPT)/shifts.jpg --readme docs/shifts.md

# Both views' bundles in one run, so that they compare, and its report: a minute on an idle machine. Rapid, as a run keeps
# every sample, a megabyte of them. If nothing was changed since the last commit, `make history` then keeps its ratios.
kept_report = for page in README.md $(MODELS)/MODEL_CARD.md; do $(PY) -m benchmarks report --results $(KEPT)/latency.json \
	--history benchmarks/history --html $(KEPT)/report.html --markdown $(KEPT)/report.md --readme $$page; done

latencies: $(SOURCE)
	$(PY) -m benchmarks run --preset rapid --int8 $(MODELS)/leukolite-int8.tflite \
		--float32 $(MODELS)/leukolite-float32.tflite \
		--bundle cell-int8=$(KEPT)/cell/bundles/leukolite-int8.tflite \
		cell-float32=$(KEPT)/cell/bundles/leukolite-float32.tflite \
		portable-int8=$(MODELS)/portable/leukolite-int8.tflite --data $(DATA_ROOT) --out $(KEPT)/latency.json
	$(kept_report)

history:
	$(PY) -m benchmarks store --results $(KEPT)/latency.json --references
	$(kept_report)

# What a few labelled cells bring at synthetic microscopes: minutes.
adapt: $(SOURCE)
	$(PY) -m benchmarks adapt --models $(MODELS)/leukolite-int8.tflite $(MODELS)/portable/leukolite-int8.tflite \
		--data $(DATA_ROOT) --groups $(GROUPS) --out $(KEPT)/adapt.json --readme docs/adapt.md || test $$? -eq 1

# Ours beside other engines and networks: half an hour and more to train the MobileNets, once, and some minutes on an
# idle machine.
PEERS := build/mobilenets
peers: $(SOURCE) $(PEERS)/mobilenets.json
	$(PY) -m benchmarks peers --saved-model $(KEPT)/run/float/model --mobilenets $(PEERS) --data $(DATA_ROOT) \
		--groups $(GROUPS) --out $(KEPT)/peers.json --readme docs/peers.md || test $$? -eq 1

$(PEERS)/mobilenets.json: | $(SOURCE)
	$(PY) -m benchmarks mobilenets --data $(DATA_ROOT) --groups $(GROUPS) --out $(PEERS)

# Does the gate catch what it should, and how often does it err: ten minutes on two cores, for docs/gate.md.
mutations: $(SOURCE)
	$(PY) -m benchmarks mutations --reference $(KEPT)/shipped-float32.json --data $(DATA_ROOT) --groups $(GROUPS) \
		--out $(KEPT)/mutations.json --readme docs/gate.md
	$(PY) -m benchmarks power --out $(KEPT)/gate-power.json --readme docs/gate.md

test: lint unit

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

unit: $(READY)
	$(PY) -m pytest

# Atheris is no part of the setup: it has no wheels for ARM. Not `SECONDS`: bash counts in a variable of that name.
FUZZ_SECONDS = $(or $(SECONDS),60)

fuzz: $(READY)
	PIP_CONSTRAINT=constraints.txt $(PY) -m pip install -q --disable-pip-version-check -e '.[fuzz]'
	mkdir -p build/fuzz
	for target in decode card; do
	  log=build/fuzz/$$target.log  # native decoders complain there, and so by the thousand
	  $(PY) -m tests.fuzz $$target --seconds $$(( $(FUZZ_SECONDS) / 2 )) >$$log 2>&1 || { tail -40 $$log; exit 1; }
	  echo "$$target: $$(grep -a 'DONE' $$log)"
	done

wheel: $(READY)
	$(PY) -m pip wheel --no-deps --no-build-isolation --wheel-dir dist .

test-pi: wheel
	$(PY) -m tests.pi --wheel "$$(ls -t dist/leukolite-*.whl | sed -n 1p)" --out build/pi

# What CI gates; `python -m benchmarks instructions --update` makes the counts the references, for the same page.
instructions: $(READY)
	$(PY) -m benchmarks instructions --check

clean:
	rm -rf build dist

always:
