"""The account of a run in several processes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import torch.distributed as dist
from ignite.engine import Engine

from .prediction_record import SHARES, PredictionRecord, read_rows
from .ranks import is_main_process

#: Until the slowest process is done, the others wait; a dead one is noticed by torchrun, not by the clock.
_PATIENCE = timedelta(days=30)


class SharedRecord(PredictionRecord):
    """A :class:`PredictionRecord` of processes that share the files of a folder (:class:`common.engines.SharedFolder`).

    While the run goes on, the first process writes ``predictions.csv`` and every other one a table of its own beside
    it (``predictions.share1.csv``), so that an interrupted run can be resumed, in any number of processes. When the
    last process is done, the first one puts all rows into ``predictions.csv``, as one process would have written them,
    and removes the other tables. All processes need the same output folder. Arguments are those of
    :class:`PredictionRecord`; the process group has to be there before the run starts.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._main = True
        self._group: Any = None

    @property
    def table(self) -> Path:
        """The table that this process writes while the run goes on."""
        return super().table if self._main else self.output_dir / SHARES.replace("*", str(dist.get_rank()))

    def _start(self, engine: Engine) -> None:
        self._main = is_main_process()
        self._group = dist.new_group(backend="gloo", timeout=_PATIENCE)
        if self._main:
            super()._start(engine)
        else:
            self._begin()
        # The first process removes the tables of an earlier run; only then may the others write theirs.
        dist.barrier(self._group)

    def _finish(self, engine: Engine) -> None:
        if not self._main:
            self._write_table()
        dist.barrier(self._group)
        if self._main:
            for path in self.output_dir.glob(SHARES):
                self.rows |= read_rows(path)
            super()._finish(engine)
            self.remove_shares()
        dist.barrier(self._group)

    def exit(self) -> None:
        """Let the first process say what all have done, and leave with the exit status.

        Raises:
            SystemExit: see :meth:`PredictionRecord.exit`; the other processes end with 0.
        """
        if self._main:
            super().exit()
