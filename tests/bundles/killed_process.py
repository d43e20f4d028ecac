"""A handler by which one of several processes dies in the middle of its work, as by lack of memory."""

from __future__ import annotations

import os
import signal

from ignite.engine import Engine, Events

from common.handlers import prediction_record


class KilledProcess:
    """Ends the process ``rank`` by SIGKILL after some batches; the tables are written after every batch.

    Args:
        rank: the process.
        batches: that it still does.
    """

    def __init__(self, rank: int, batches: int) -> None:
        prediction_record.WRITE_EVERY = 0.0
        self.rank = rank
        self.batches = batches

    def attach(self, engine: Engine) -> None:
        """Register on the evaluator, behind its record."""
        engine.add_event_handler(Events.ITERATION_COMPLETED(once=self.batches), self)

    def __call__(self, engine: Engine) -> None:
        if os.environ["RANK"] == str(self.rank):
            os.kill(os.getpid(), signal.SIGKILL)
