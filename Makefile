# Two commands matter: `make demo` shows the main job, `make test` proves it. Each sets up .venv when missing or stale.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DATA   ?=
OUT    ?= demo_output
LUNGS  := bundles/lung_seg
RUN    := $(BIN)/python -m monai.bundle run --bundle_root $(LUNGS)

# MONAI Label has an environment of its own (docs/monai_label.md).
LABEL       := .venv-label
LABEL_STAMP := $(LABEL)/.installed
PHANTOMS    := runs/label_phantoms
STUDIES     ?= $(PHANTOMS)/phantom_north/images
APP         ?= runs/label_app
HOST        ?= 127.0.0.1
PORT        ?= 8000

.PHONY: demo test test-integration label lint bench clean

$(STAMP): requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements.txt -e '.[dev,browser,onnx,openvino,imagenet,dicom,archive,federated]'
	touch $@

# make demo              lungs of twelve phantoms with known masks, measured
# make demo DATA=folder  lungs of your own radiographs
demo: $(STAMP)
ifeq ($(DATA),)
	$(BIN)/python -m common.data phantoms "$(OUT)/radiographs" --count 12
	$(RUN) --config_file "['$(LUNGS)/configs/inference.yaml','$(LUNGS)/configs/evaluate.yaml']" \
	    --dataset_dir "$(OUT)/radiographs" --output_dir "$(OUT)/lungs" --splits "['train','val','test']" --write_overlays True
	sed -n 1,8p "$(OUT)/lungs/evaluation/summary.md"
else
	$(RUN) --config_file $(LUNGS)/configs/inference.yaml \
	    --dataset_dir "$(DATA)" --output_dir "$(OUT)/lungs" --write_overlays True || test $$? -eq 3
endif
	@echo "Outlines, masks and predictions.csv: $(OUT)/lungs"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# These tests feed broken files to native decoders, run under limits of the system and start many interpreters: they get
# processes of their own. In processes that had run a thousand other tests, some have died when a child process ended.
# One thread for each of two processes: two each would wait for each other most of the time.
test: export OMP_NUM_THREADS = 1
test: lint
	$(BIN)/pytest -n 2 tests/io tests/sharing
	$(BIN)/pytest -n 2 --ignore=tests/io --ignore=tests/sharing --ignore=tests/integration

# Against real servers: MONAI Label, NVFlare's simulator and processes, and Orthanc where it is installed
# (apt-get install orthanc orthanc-dicomweb dcmtk dicom3tools). What is not installed is skipped, with the reason.
test-integration: $(STAMP) $(LABEL_STAMP)
	$(BIN)/pytest tests/integration

$(LABEL_STAMP): requirements-label.txt
	test -x $(LABEL)/bin/python || $(PYTHON) -m venv $(LABEL)
	$(LABEL)/bin/pip install -q -r requirements-label.txt
	$(LABEL)/bin/pip install -q --no-deps monailabel==0.8.5 pydicom-seg-rb==1.0.0
	touch $@

# make label                   MONAI Label with the three bundles, on drawn radiographs
# make label STUDIES=folder    on your own; HOST=0.0.0.0 lets other machines in, PORT is 8000
label: $(STAMP) $(LABEL_STAMP)
	$(LABEL)/bin/python -c 'import torchvision' 2>/dev/null || \
	    $(LABEL)/bin/pip install -q --no-deps torchvision==0.28.0
	$(BIN)/python -m common.label prepare --env $(LABEL) --app "$(APP)"
ifeq ($(STUDIES),$(PHANTOMS)/phantom_north/images)
	test -d "$(STUDIES)" || $(BIN)/python -m common.data phantoms $(PHANTOMS) --count 12
endif
	$(BIN)/python -m common.label start --env $(LABEL) --app "$(APP)" --host $(HOST) --port $(PORT) "$(STUDIES)"

bench: $(STAMP)
	$(BIN)/python -m benchmarks.networks
	$(BIN)/python -m benchmarks.inference_speed --bundle lung_seg --memory 1000
	$(BIN)/python -m benchmarks.inference_speed --bundle tb_cls
	$(BIN)/python -m benchmarks.inference_speed --bundle tb_seg
	$(BIN)/python -m benchmarks.classification_speed
	$(BIN)/python -m benchmarks.localization --memory 1000
	$(BIN)/python -m benchmarks.staple --truths 20
	$(BIN)/python -m benchmarks.coverage
	$(BIN)/python -m benchmarks.random_walk
	$(BIN)/python -m benchmarks.pipeline_speed --images 24 --runtimes torch openvino int8
	$(BIN)/python -m benchmarks.evaluation_speed

clean:
	rm -rf $(VENV) $(LABEL) $(OUT) .pytest_cache .mypy_cache .ruff_cache
