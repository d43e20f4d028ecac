"""Random numbers of an epoch depend on seed and epoch alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from monai.transforms import Compose, RandGaussianNoise

from common.handlers import EpochSeed


def draws(seed: int, epochs: int, *, start: int = 0) -> list[tuple[Any, ...]]:
    """What each epoch draws from every generator."""
    noise = RandGaussianNoise(prob=1.0)
    engine = Engine(lambda engine, batch: None)
    EpochSeed(seed, Compose([noise])).attach(engine)
    if start:
        engine.add_event_handler(Events.STARTED, lambda engine: setattr(engine.state, "epoch", start))
    found: list[tuple[Any, ...]] = []

    @engine.on(Events.EPOCH_COMPLETED)
    def draw() -> None:
        numbers = random.random(), float(np.random.rand()), float(torch.rand(1))  # noqa: NPY002
        found.append((*numbers, float(noise(torch.zeros(1, 1))[0, 0])))

    engine.run([0], max_epochs=epochs)
    return found


def test_epochs_differ_and_runs_repeat() -> None:
    first = draws(7, 3)
    torch.manual_seed(12345)
    assert draws(7, 3) == first
    assert len(set(first)) == 3
    for generator in range(4):
        assert len({epoch[generator] for epoch in first}) == 3
        assert draws(8, 3)[2][generator] != first[2][generator]


def test_a_run_that_starts_late_draws_what_the_whole_run_draws_there() -> None:
    assert draws(7, 3, start=2) == draws(7, 3)[2:]


def test_processes_draw_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = draws(7, 1)
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    assert draws(7, 1) == alone
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    assert draws(7, 1)[0][2] != alone[0][2]


def test_without_a_transform_the_generators_are_seeded_all_the_same() -> None:
    engine = Engine(lambda engine, batch: None)
    EpochSeed(3).attach(engine)
    engine.run([0], max_epochs=1)
    expected = torch.rand(1, generator=torch.Generator().manual_seed(4))
    assert torch.equal(torch.rand(1), expected)
