"""New weights for MONAI Label's server."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from ..io import atomic_write
from .ranks import is_main_process

logger = logging.getLogger(__name__)


class ServeWeights:
    """When training ends, puts the best network in the place of the weights that the server loads.

    Until then, and when training breaks off, the server's weights stay as they are; they change in one step. Those of
    the release are kept beside them the first time. Attach it to the trainer behind :class:`.ModelSelection`.

    Args:
        source: weights of the best network of this training.
        target: weights that the server loads.
    """

    def __init__(self, source: str | Path, target: str | Path) -> None:
        self.source = Path(source)
        self.target = Path(target)
        self.released = self.target.with_name(f"{self.target.stem}_released{self.target.suffix}")

    def attach(self, engine: Engine) -> None:
        """Register on the trainer."""
        engine.add_event_handler(Events.STARTED, self.clear)
        engine.add_event_handler(Events.COMPLETED, self)

    def clear(self, engine: Any = None) -> None:
        """Take away the best network of an earlier training, so that it is never taken for this one's."""
        if is_main_process():
            self.source.unlink(missing_ok=True)

    def __call__(self, engine: Any = None) -> None:
        if not is_main_process():
            return
        if not self.source.is_file():
            logger.warning("no epoch was validated: %s stays as it is", self.target)
            return
        if self.target.is_file() and not self.released.exists():
            _copy(self.target, self.released)
        _copy(self.source, self.target)
        logger.info("new weights: %s; those of the release: %s", self.target, self.released)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as content, atomic_write(target) as stream:
        shutil.copyfileobj(content, stream)
