"""An end with an error for a training run that has failed."""

from __future__ import annotations

import math

from ignite.engine import Engine, Events

from ..errors import UsageError


class LossError(UsageError):
    """The training loss is not a finite number any more."""


class StopOnNaN:
    """Ends training with an error when the loss is not finite; what was saved before stays.

    Args:
        loss_key: entry of the trainer's output with the loss of the iteration.
    """

    def __init__(self, loss_key: str = "loss") -> None:
        self.loss_key = loss_key

    def attach(self, engine: Engine) -> None:
        """Register on the trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Look at the loss of the iteration.

        Raises:
            LossError: it is NaN or infinite.
        """
        output = engine.state.output
        loss = float((output[0] if isinstance(output, list | tuple) else output)[self.loss_key])
        if not math.isfinite(loss):
            raise LossError(
                f"the training loss is {loss} in epoch {engine.state.epoch}, iteration {engine.state.iteration}: "
                "try a smaller learning_rate, or --amp False"
            )
