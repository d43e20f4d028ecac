"""The best weights are kept, and training ends when it no longer helps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from common.handlers import ModelSelection


def run(
    trainer: Engine, evaluator: Engine, path: Path, epochs: int = 6, **options: object
) -> tuple[ModelSelection, list[int]]:
    """Run with a network whose weight is the epoch; returns the handler and the epochs that were saved."""
    network = nn.Linear(1, 1, bias=False)

    @trainer.on(Events.EPOCH_STARTED)
    def learn() -> None:
        nn.init.constant_(network.weight, trainer.state.epoch)

    handler = ModelSelection(evaluator, network, path, "score", **options)  # type: ignore[arg-type]
    saved: list[int] = []
    handler.attach(trainer)

    @trainer.on(Events.EPOCH_COMPLETED)
    def look() -> None:
        if path.is_file():
            value = int(torch.load(path, weights_only=True)["weight"])
            if not saved or saved[-1] != value:
                saved.append(value)

    trainer.run([0, 1], max_epochs=epochs)
    return handler, saved


def test_only_better_epochs_are_saved(trainer: Callable, validated: Callable, tmp_path: Path) -> None:
    engine = trainer()
    evaluator = validated(engine, [0.5, 0.4, 0.6, 0.6, 0.7, 0.1])
    handler, saved = run(engine, evaluator, tmp_path / "models" / "model.pt")
    assert saved == [1, 3, 5]
    assert (handler.best, handler.best_epoch, handler.waited) == (0.7, 5, 1)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["model.pt"]


def test_training_ends_after_so_many_validations_without_gain(
    trainer: Callable, validated: Callable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = trainer()
    evaluator = validated(engine, [0.5, 0.6, 0.6, 0.5, 0.9, 0.9])
    caplog.set_level("INFO", logger="common")
    handler, _ = run(engine, evaluator, tmp_path / "model.pt", patience=2)
    assert engine.state.epoch == 4
    assert "no gain of score in 2 validations; best 0.6000 in epoch 2" in caplog.text
    assert handler.state_dict() == {"best": 0.6, "best_epoch": 2, "waited": 2}


def test_epochs_without_validation_do_not_count(trainer: Callable, validated: Callable, tmp_path: Path) -> None:
    engine = trainer()
    evaluator = validated(engine, [0.5, 0.4, 0.4], every=2)
    handler, saved = run(engine, evaluator, tmp_path / "model.pt", patience=3)
    assert saved == [2]
    assert handler.waited == 2


def test_a_restored_handler_goes_on(trainer: Callable, validated: Callable, tmp_path: Path) -> None:
    engine = trainer()
    handler = ModelSelection(validated(engine, [0.6, 0.6]), nn.Linear(1, 1), tmp_path / "m.pt", "score", patience=3)
    handler.load_state_dict({"best": 0.7, "best_epoch": 4, "waited": 1})
    handler.attach(engine)
    handler.attach(engine)
    engine.run([0], max_epochs=2)
    assert handler.waited == 3, "each epoch once, though it was attached twice"
    assert not (tmp_path / "m.pt").exists()


def test_not_a_number_is_no_gain(trainer: Callable, validated: Callable, tmp_path: Path) -> None:
    engine = trainer()
    handler, saved = run(engine, validated(engine, [float("nan"), 0.1]), tmp_path / "m.pt", epochs=2)
    assert saved == [2]
    assert handler.best == 0.1


def test_wrong_use_is_refused(trainer: Callable, validated: Callable, tmp_path: Path) -> None:
    engine = trainer()
    evaluator = validated(engine, [0.5], name="other")
    with pytest.raises(ValueError, match="no metric score; the evaluator has other"):
        run(engine, evaluator, tmp_path / "m.pt")
    with pytest.raises(ValueError, match="patience must be at least 1 or null, got 0"):
        ModelSelection(evaluator, nn.Linear(1, 1), tmp_path / "m.pt", "score", patience=0)


def test_the_wrapper_of_distributed_training_is_not_saved(
    trainer: Callable, validated: Callable, tmp_path: Path
) -> None:
    wrapper = nn.Module()
    wrapper.module = nn.Linear(2, 1)
    engine = trainer()
    ModelSelection(validated(engine, [0.5]), wrapper, tmp_path / "m.pt", "score").attach(engine)
    engine.run([0], max_epochs=1)
    assert sorted(torch.load(tmp_path / "m.pt", weights_only=True)) == ["bias", "weight"]
