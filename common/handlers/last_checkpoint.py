"""Continue an interrupted training run where its last finished epoch ended."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events

from ..errors import UsageError
from ..io import atomic_write
from ..networks.state import read_tensors
from .ranks import is_main_process

logger = logging.getLogger(__name__)


class ResumeFileError(UsageError):
    """A checkpoint to resume from that is missing or belongs to another configuration."""


class LastCheckpoint:
    """Writes everything a trainer needs to go on, after every epoch; takes it up again when asked to.

    Epoch and iteration of the trainer are part of the checkpoint. Attach it to the trainer as the last handler, so
    that what the other handlers changed in an epoch is saved with it.

    Args:
        path: the checkpoint, written atomically by the main process; each epoch replaces the one before.
        objects: whatever has ``state_dict`` and ``load_state_dict`` (network, optimiser, scheduler, handlers).
        resume: True loads the checkpoint when training starts.
        overwrite: True lets a new run replace the checkpoint of an earlier one.
    """

    def __init__(
        self, path: str | Path, objects: Mapping[str, Any], resume: bool = False, overwrite: bool = False
    ) -> None:
        self.path = Path(path)
        self.objects = dict(objects)
        self.resume = resume
        self.overwrite = overwrite

    def attach(self, engine: Engine) -> None:
        """Register on the trainer."""
        engine.add_event_handler(Events.STARTED, self.load if self.resume else self.guard)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        if not is_main_process():
            return
        state = {name: _bare(thing).state_dict() for name, thing in self.objects.items()}
        state["trainer"] = {"epoch": engine.state.epoch, "iteration": engine.state.iteration}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path) as stream:
            torch.save(state, stream)

    def guard(self, engine: Engine) -> None:
        """Keep a run from wiping out an earlier one that somebody forgot to resume.

        Raises:
            ResumeFileError: there is a checkpoint already.
        """
        if self.path.exists() and not self.overwrite:
            raise ResumeFileError(
                f"{self.path}: belongs to an earlier run; add configs/resume.yaml to go on with it, choose another "
                "output_dir, or say --overwrite True"
            )

    def load(self, engine: Engine) -> None:
        """Restore all objects and the trainer's epoch.

        Raises:
            ResumeFileError: no checkpoint, one that lacks some of the objects, or one of another network.
            WeightsError: a damaged file, or one of another kind.
        """
        if not self.path.exists():
            raise ResumeFileError(f"{self.path}: no checkpoint to resume from; start without resume.yaml")
        state = read_tensors(self.path)
        wanted = {"trainer", *self.objects}
        absent = sorted(wanted - set(state)) if isinstance(state, dict) else sorted(wanted)
        if absent:
            raise ResumeFileError(f"{self.path}: holds no state of {', '.join(absent)}")
        for name, thing in self.objects.items():
            with self._of_this_run(name):
                _bare(thing).load_state_dict(state[name])
        with self._of_this_run("trainer"):
            engine.state.epoch = int(state["trainer"]["epoch"])
            engine.state.iteration = int(state["trainer"]["iteration"])
        logger.info("resumed after epoch %d: %s", engine.state.epoch, self.path)

    @contextlib.contextmanager
    def _of_this_run(self, name: str) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise ResumeFileError(f"{self.path}: state of {name} belongs to another run ({first})") from error


def _bare(thing: Any) -> Any:
    return getattr(thing, "module", thing)
