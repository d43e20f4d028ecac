"""A training run without images: an engine that counts, and an evaluator with given metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ignite.engine import Engine, Events


@pytest.fixture
def trainer() -> Callable[..., Engine]:
    """Function (losses) -> engine whose iterations give these losses, in turn."""

    def build(losses: Sequence[float] = (1.0, 0.5)) -> Engine:
        values = list(losses)

        def step(engine: Engine, batch: Any) -> list[dict[str, float]]:
            return [{"loss": values[(engine.state.iteration - 1) % len(values)]}]

        return Engine(step)

    return build


@pytest.fixture
def validated() -> Callable[..., Engine]:
    """Function (trainer, values, name, every) -> evaluator that has these metric values after the trainer's epochs."""

    def build(engine: Engine, values: Sequence[float], name: str = "score", every: int = 1) -> Engine:
        evaluator = Engine(lambda engine, batch: None)

        @engine.on(Events.EPOCH_COMPLETED(every=every))
        def validate() -> None:
            evaluator.state.epoch = engine.state.epoch
            evaluator.state.metrics = {name: values[engine.state.epoch // every - 1]}

        return evaluator

    return build
