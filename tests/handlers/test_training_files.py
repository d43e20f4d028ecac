"""Curves, record and groups of handlers of a training run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.distributed as dist
from ignite.engine import Engine
from PIL import Image
from torch import nn

from common.handlers import HandlerGroup, LossError, StopOnNaN, SyncBuffers, TrainingCurves, TrainingRecord
from common.handlers.environment import environment, plain


def test_curves_hold_loss_rate_and_metrics_of_each_epoch(
    trainer: Callable, validated: Callable, tmp_path: Path
) -> None:
    engine = trainer([4.0, 2.0, 1.0, 1.0])
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.125)
    evaluator = validated(engine, [0.5, 0.75], every=2)
    TrainingCurves(evaluator, tmp_path / "run", optimizer).attach(engine)
    engine.run([0, 1], max_epochs=4)
    table = pd.read_csv(tmp_path / "run" / "curves.csv")
    assert list(table.columns) == ["epoch", "loss", "learning_rate", "seconds", "score"]
    assert table["epoch"].tolist() == [1, 2, 3, 4]
    assert table["loss"].tolist() == [3.0, 1.0, 3.0, 1.0]
    assert set(table["learning_rate"]) == {0.125}
    assert table["score"].fillna(-1).tolist() == [-1, 0.5, -1, 0.75]
    with Image.open(tmp_path / "run" / "curves.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    # Both halves show a coloured line.
    colourful = (pixels.max(axis=-1) - pixels.min(axis=-1)) > 60
    half = pixels.shape[1] // 2
    assert colourful[:, :half].sum() > 100
    assert colourful[:, half:].sum() > 100


def test_curves_go_on_after_an_interruption(trainer: Callable, validated: Callable, tmp_path: Path) -> None:
    first = trainer()
    curves = TrainingCurves(validated(first, [0.5]), tmp_path)
    curves.attach(first)
    first.run([0, 1], max_epochs=1)
    second = trainer()
    restored = TrainingCurves(validated(second, [0.6]), tmp_path)
    restored.load_state_dict(json.loads(json.dumps(curves.state_dict())))
    restored.attach(second)
    second.run([0, 1], max_epochs=1)
    assert pd.read_csv(tmp_path / "curves.csv")["score"].tolist() == [0.5, 0.6]
    assert len(curves.rows) == 1, "the state is a copy"


def test_the_record_says_what_was_trained(trainer: Callable, tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("image\na.png\n")
    (tmp_path / "start.pt").write_bytes(b"weights")
    items = {"train": [{"site": "a"}, {"site": "b"}, {"site": "a"}], "val": [{}]}
    engine, network = trainer(), nn.Linear(3, 2)
    settings = {"seed": 1, "sites": ("a", "b"), "nested": {"x": None, "object": nn.BCELoss()}}
    settings |= {"initial_weights": str(tmp_path / "start.pt"), "encoder_weights": "imagenet"}
    loss = {"_target_": "a.Loss", "weights": [0.5, str(tmp_path / "classes.csv")], "rate": "@rate"}
    record = TrainingRecord(tmp_path / "run", settings, tmp_path, items, network, {"loss": loss})
    record.load_state_dict({"seconds": 1000.0})
    record.attach(engine)
    engine.run([0], max_epochs=2)
    content = json.loads((tmp_path / "run" / "training.json").read_text(encoding="utf-8"))
    assert (content["network"], content["parameters"], content["epochs"]) == ("Linear", 8, 2)
    assert content["config"] == {
        "seed": 1,
        "sites": ["a", "b"],
        "nested": {"x": None, "object": "BCELoss"},
        "initial_weights": "start.pt",
        "encoder_weights": "imagenet",
        "loss": {"_target_": "a.Loss", "weights": [0.5, "classes.csv"], "rate": "@rate"},
    }
    assert content["files_sha256"] == {"initial_weights": hashlib.sha256(b"weights").hexdigest()}
    assert content["images"] == {"train": {"a": 2, "b": 1}, "val": {"": 1}}
    assert content["index_sha256"] == hashlib.sha256((tmp_path / "index.csv").read_bytes()).hexdigest()
    assert 1000 <= content["seconds"] < 1010
    assert str(tmp_path) not in json.dumps(content), "no folder of this machine"


def test_files_are_written_by_the_first_process_alone(
    trainer: Callable, validated: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    engine = trainer()
    curves = TrainingCurves(validated(engine, [0.5]), tmp_path / "run")
    HandlerGroup([curves, TrainingRecord(tmp_path / "run", {}, tmp_path, {}, nn.Linear(1, 1))]).attach(engine)
    engine.run([0], max_epochs=1)
    assert len(curves.rows) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_an_error(trainer: Callable, loss: float) -> None:
    engine = trainer([1.0, 1.0, loss])
    StopOnNaN().attach(engine)
    with pytest.raises(LossError, match=f"the training loss is {loss} in epoch 2, iteration 3: try a smaller "):
        engine.run([0, 1], max_epochs=2)


def test_a_group_attaches_in_order(trainer: Callable) -> None:
    attached: list[str] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def attach(self, engine: Engine) -> None:
            attached.append(self.name)

    HandlerGroup([Named("a"), Named("b"), Named("c")]).attach(trainer())
    assert attached == ["a", "b", "c"]


def test_buffers_stay_in_a_run_of_one_process(trainer: Callable, tmp_path: Path) -> None:
    network = nn.BatchNorm1d(2)
    network.running_mean += 3
    engine = trainer()
    SyncBuffers(network).attach(engine)
    engine.run([0])
    assert network.running_mean.tolist() == [3, 3]
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    try:
        engine.run([0])
    finally:
        dist.destroy_process_group()
    assert network.running_mean.tolist() == [3, 3]


def test_the_environment_names_versions_and_machine() -> None:
    found = environment()
    assert found["packages"]["torch"] == torch.__version__
    assert all(found["packages"].values())
    assert found["threads"] == torch.get_num_threads()
    assert found["processor"]
    assert plain({1: [torch.float32, {"a": (1, None)}]}) == {"1": ["dtype", {"a": [1, None]}]}
