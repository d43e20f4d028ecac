"""Keep the network that validates best, and stop when nothing improves any more."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import nn

from ..errors import UsageError
from ..io import atomic_write
from .ranks import is_main_process

logger = logging.getLogger(__name__)


class ModelSelection:
    """Saves the network's state whenever the validation metric improves; ends training after a stretch without.

    Attach it to the trainer, behind the handler that runs the evaluator. Best value and patience are part of its
    state, so that a resumed run neither overwrites a better network nor waits longer than an uninterrupted one.

    Args:
        evaluator: the validation engine.
        network: its ``state_dict`` is saved (a ``DistributedDataParallel`` wrapper is taken off).
        path: file of the best network, written atomically by the main process only.
        metric: name in ``evaluator.state.metrics``; higher is better.
        patience: validations without improvement after which training ends; None never ends it.
        known: names that ``metric`` may have; another one is refused before an epoch is spent. None accepts any.

    Raises:
        UsageError: ``metric`` is none of ``known``.
    """

    def __init__(
        self,
        evaluator: Engine,
        network: nn.Module,
        path: str | Path,
        metric: str,
        patience: int | None = None,
        known: Collection[str] | None = None,
    ) -> None:
        if known is not None and metric not in known:
            raise UsageError(f"key_metric {metric}: validation gives {', '.join(known)}")
        if patience is not None and patience < 1:
            raise ValueError(f"ModelSelection: patience must be at least 1 or null, got {patience}")
        self.evaluator = evaluator
        self.network = network
        self.path = Path(path)
        self.metric = metric
        self.patience = patience
        self.best = -math.inf
        self.best_epoch = 0
        self.waited = 0

    def attach(self, engine: Engine) -> None:
        """Register on the trainer."""
        if not engine.has_event_handler(self, Events.EPOCH_COMPLETED):
            engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        # The validation handler hands its epoch to the evaluator; an older one means no validation this time.
        if self.evaluator.state.epoch != engine.state.epoch:
            return
        if self.metric not in self.evaluator.state.metrics:
            found = ", ".join(self.evaluator.state.metrics) or "none"
            raise ValueError(f"ModelSelection: no metric {self.metric}; the evaluator has {found}")
        value = float(self.evaluator.state.metrics[self.metric])
        if value > self.best:
            self.best, self.best_epoch, self.waited = value, engine.state.epoch, 0
            self._save()
        else:
            self.waited += 1
        if self.patience is not None and self.waited >= self.patience:
            logger.info(
                "no gain of %s in %d validations; best %.4f in epoch %d",
                self.metric,
                self.waited,
                self.best,
                self.best_epoch,
            )
            engine.terminate()

    def _save(self) -> None:
        if not is_main_process():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        network = getattr(self.network, "module", self.network)
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
        with atomic_write(self.path) as stream:
            torch.save(state, stream)

    def state_dict(self) -> dict[str, Any]:
        """Best value, its epoch and the patience spent."""
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave."""
        self.best = state["best"]
        self.best_epoch = state["best_epoch"]
        self.waited = state["waited"]
