# Two commands matter: `make demo` shows the main job, `make test` proves it. Each sets up .venv when missing or stale.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DATA   ?=
OUT    ?= demo_output

.PHONY: demo test lint bench clean

$(STAMP): requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements.txt -e '.[dev,onnx,openvino]'
	touch $@

demo: $(STAMP)
	$(BIN)/python -m benchmarks.demo --output "$(OUT)" $(if $(DATA),--dataset "$(DATA)")

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n 2

bench: $(STAMP)
	$(BIN)/python -m benchmarks.inference_speed

clean:
	rm -rf $(VENV) $(OUT) .pytest_cache .mypy_cache .ruff_cache
