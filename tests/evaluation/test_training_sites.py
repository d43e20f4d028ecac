"""Where weights were trained: from the metadata or the record of a training run to the matrix of the report."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ignite.engine import Engine
from made_up_reports import build
from made_up_scores import make_scores

from common.handlers import PredictionRecord
from common.handlers.training_sites import training_sites

BUNDLES = Path(__file__).parents[2] / "bundles"


def record_of(weights: Path, bundle: Path) -> dict[str, Any]:
    """``run.json`` of a run of one image."""
    folder = weights.parent / "films"
    image = SimpleNamespace(meta={"filename_or_obj": str(folder / "a.png")})

    def step(engine: Engine, batch: Any) -> list[dict[str, Any]]:
        engine.state.rejected = []
        return [{"image": image}]

    engine = Engine(step)
    PredictionRecord(weights.parent / "out", folder, lambda item: {}, weights, bundle_root=bundle).attach(engine)
    engine.run([0])
    return json.loads((weights.parent / "out/run.json").read_text())


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights in the folder of a training run."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/model.pt").write_bytes(b"weights")
    return tmp_path / "models/model.pt"


def test_metadata_speak_of_the_very_weights(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle/configs").mkdir(parents=True)
    known = {"training_sites": {hashlib.sha256(b"weights").hexdigest(): ["south", "north"]}}
    (tmp_path / "bundle/configs/metadata.json").write_text(json.dumps(known))
    assert record_of(weights, tmp_path / "bundle")["train_sites"] == ["north", "south"]
    weights.write_bytes(b"others")
    assert "train_sites" not in record_of(weights, tmp_path / "bundle")


@pytest.mark.parametrize("place", ["training.json", "models/training.json"])
def test_weights_of_a_training_run(weights: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / place).write_text(json.dumps({"images": {"train": {"east": 3, "west": 1, "": 2, "no": 0}}}))
    assert record_of(weights, tmp_path)["train_sites"] == ["east", "west"]


@pytest.mark.parametrize("content", ["{", "[]", '{"images": {}}', '{"images": {"train": [1]}}'])
def test_a_record_of_another_form_says_nothing(weights: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "training.json").write_text(content)
    assert training_sites(weights, "", {}) == []


def test_the_report_knows_home_without_being_told(tmp_path: Path) -> None:
    scores = make_scores(tmp_path)
    record = json.loads((scores.run / "run.json").read_text())
    (scores.run / "run.json").write_text(json.dumps(record | {"train_sites": ["north"]}))
    matrix = build(scores).record["matrix"]
    assert [(row["dataset"], row["home"], row["train_sites"]) for row in matrix] == [
        ("north", True, ["north"]),
        ("south", False, ["north"]),
    ]


@pytest.mark.parametrize("name", ["lung_seg", "tb_cls", "tb_seg"])
def test_shipped_weights_say_where_they_were_trained(name: str) -> None:
    metadata = json.loads((BUNDLES / name / "configs/metadata.json").read_text())
    shipped = BUNDLES / name / "models/model.pt"
    found = training_sites(shipped, hashlib.sha256(shipped.read_bytes()).hexdigest(), metadata)
    assert {"montgomery", "shenzhen"} < set(found)
