"""A training that dies in the middle of writing its weights: those of the epoch before are whole."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from common.handlers import LastCheckpoint, ModelSelection


@pytest.mark.parametrize("dies_in", ["model.pt", "last.pt"])
def test_the_weights_before_are_whole_and_training_goes_on(
    trainer: Callable[..., Engine], validated: Callable[..., Engine], tmp_path: Path, dies_in: str
) -> None:
    network = nn.Linear(4, 4)

    def train(epochs: int, resume: bool = False) -> None:
        engine = trainer()

        @engine.on(Events.EPOCH_STARTED)
        def learn() -> None:
            nn.init.constant_(network.weight, engine.state.epoch)

        selection = ModelSelection(validated(engine, [0.1, 0.2, 0.3]), network, tmp_path / "model.pt", "score")
        selection.attach(engine)
        objects = {"network": network, "selection": selection}
        LastCheckpoint(tmp_path / "last.pt", objects, resume=resume).attach(engine)
        engine.run([0], max_epochs=epochs)

    def weight(name: str) -> float:
        state = torch.load(tmp_path / name, weights_only=True)
        return float(state.get("network", state)["weight"].mean())

    child = os.fork()
    if child == 0:
        try:
            die_in_second_epoch(dies_in)
            train(2)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    before = {"model.pt": 1.0 if dies_in == "model.pt" else 2.0, "last.pt": 1.0}
    assert {name: weight(name) for name in before} == before
    (part,) = tmp_path.glob(".*.part")
    assert 0 < part.stat().st_size < (tmp_path / dies_in).stat().st_size

    # The epoch that was lost is trained again.
    train(3, resume=True)
    assert {name: weight(name) for name in before} == {"model.pt": 3.0, "last.pt": 3.0}


def die_in_second_epoch(name: str) -> None:
    """Let this process be killed when half of a file of the second epoch is written."""
    save = torch.save
    of_first_kind = {"model.pt": 0, "last.pt": 1}[name]
    calls = iter(range(100))

    def save_half(state: Any, stream: Any) -> None:
        if next(calls) < 2 + of_first_kind:
            save(state, stream)
            return
        content = io.BytesIO()
        save(state, content)
        stream.write(content.getvalue()[: len(content.getvalue()) // 2])
        stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    torch.save = save_half
