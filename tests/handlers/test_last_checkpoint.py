"""The checkpoint that an interrupted run goes on from."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from common.errors import UsageError
from common.handlers import LastCheckpoint, ResumeFileError


def network(value: float) -> nn.Linear:
    found = nn.Linear(1, 1, bias=False)
    nn.init.constant_(found.weight, value)
    return found


def test_everything_is_there_after_each_epoch_and_comes_back(trainer: Callable, tmp_path: Path) -> None:
    path = tmp_path / "models" / "last.pt"
    one, engine = network(1.0), trainer()
    optimizer = torch.optim.SGD(one.parameters(), lr=0.25, momentum=0.5)
    LastCheckpoint(path, {"network": one, "optimizer": optimizer}).attach(engine)
    seen: list[dict] = []
    engine.add_event_handler(
        Events.EPOCH_COMPLETED, lambda engine: seen.append(torch.load(path, weights_only=True)["trainer"])
    )
    engine.run([0, 1, 2], max_epochs=2)
    assert seen == [{"epoch": 1, "iteration": 3}, {"epoch": 2, "iteration": 6}]

    other, again = network(5.0), trainer()
    fresh = torch.optim.SGD(other.parameters(), lr=0.9)
    epochs: list[int] = []
    again.add_event_handler(Events.EPOCH_STARTED, lambda engine: epochs.append(engine.state.epoch))
    LastCheckpoint(path, {"network": other, "optimizer": fresh}, resume=True).attach(again)
    again.run([0, 1, 2], max_epochs=4)
    assert epochs == [3, 4]
    assert again.state.iteration == 12
    assert float(other.weight.detach()) == 1.0
    assert (fresh.param_groups[0]["lr"], fresh.param_groups[0]["momentum"]) == (0.25, 0.5)


def test_an_earlier_run_is_replaced_only_on_request(trainer: Callable, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"

    def run(value: float, **options: bool) -> float:
        engine: Engine = trainer()
        LastCheckpoint(path, {"network": network(value)}, **options).attach(engine)
        engine.run([0], max_epochs=1)
        return float(torch.load(path, weights_only=True)["network"]["weight"])

    assert run(1.0) == 1.0
    with pytest.raises(ResumeFileError, match="belongs to an earlier run; add configs/"):
        run(2.0)
    assert float(torch.load(path, weights_only=True)["network"]["weight"]) == 1.0
    assert run(3.0, overwrite=True) == 3.0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no checkpoint to resume from; start without resume.yaml"),
        ({"network": {}}, "holds no state of trainer"),
        ({"trainer": {"epoch": 1, "iteration": 1}}, "holds no state of network"),
        (
            {"network": {"weight": torch.zeros(3, 3)}, "trainer": {"epoch": 1, "iteration": 1}},
            "state of network belongs to another run (Error(s) in loading state_dict for Linear:)",
        ),
        ([1], "holds no state of network, trainer"),
        ({"network": 3, "trainer": {"epoch": 1}}, "state of network belongs to another run (Expected state_dict to be"),
        (
            {"network": {"weight": torch.zeros(1, 1)}, "trainer": {"epoch": 1}},
            "state of trainer belongs to another run ('iteration')",
        ),
        (
            {"network": {"weight": torch.zeros(1, 1)}, "trainer": 7},
            "state of trainer belongs to another run ('int' object is not subscriptable)",
        ),
        (
            b"no checkpoint",
            "not a file of plain tensors, or a damaged one. Accepted: a file of tensors written by torch.save.",
        ),
    ],
)
def test_what_cannot_be_resumed_is_said(trainer: Callable, tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "last.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    engine = trainer()
    LastCheckpoint(path, {"network": network(1.0)}, resume=True).attach(engine)
    with pytest.raises(UsageError, match=f"^{re.escape(f'{path}: {message}')}"):
        engine.run([0], max_epochs=1)
