"""What a training run was: settings, data, machine, time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from torch import nn

from ..data import INDEX_NAME
from ..io import file_sha256, write_json
from .environment import environment
from .portable import portable
from .ranks import is_main_process

RECORD = "training.json"


class TrainingRecord:
    """Writes ``training.json`` after every epoch, so that a published network can be traced back to its run.

    Its entry ``config`` repeats the run: saved as a file of its own, it is an overlay on the bundle's ``train.yaml``.
    Of files, names and SHA-256 are recorded, and no folder of this machine.

    Args:
        output_dir: folder of the file.
        settings: the knobs of the configuration, by id.
        dataset_dir: folder of the index, whose SHA-256 is recorded.
        items: the data items of each list, counted by their "site".
        network: its class and number of parameters are recorded.
        components: network, loss and the like as the configuration writes them, by id; see
            :func:`common.cli.as_written`.
    """

    def __init__(
        self,
        output_dir: str | Path,
        settings: Mapping[str, Any],
        dataset_dir: str | Path,
        items: Mapping[str, Sequence[Mapping[str, Any]]],
        network: nn.Module,
        components: Mapping[str, Any] | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.config = portable({**settings, **(components or {})})
        self.files = {name: file_sha256(value) for name, value in settings.items() if _is_file(value)}
        self.dataset_dir = Path(dataset_dir)
        self.items = items
        self.network = network
        self.seconds = 0.0
        self._began = 0.0

    def attach(self, engine: Engine) -> None:
        """Register on the trainer."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def _start(self, engine: Engine) -> None:
        self._began = time.monotonic()

    def __call__(self, engine: Engine) -> None:
        now = time.monotonic()
        self.seconds += now - self._began
        self._began = now
        if not is_main_process():
            return
        network = getattr(self.network, "module", self.network)
        record = {
            "network": type(network).__name__,
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "config": self.config,
            "files_sha256": self.files,
            "images": {
                name: dict(Counter(str(item.get("site", "")) for item in of)) for name, of in self.items.items()
            },
            "index_sha256": file_sha256(self.dataset_dir / INDEX_NAME),
            "epochs": engine.state.epoch,
            "seconds": round(self.seconds, 1),
            **environment(),
        }
        self.output_dir.mkdir(parents=True, exist_ok=True)
        write_json(self.output_dir / RECORD, record)

    def state_dict(self) -> dict[str, Any]:
        """The time spent so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave."""
        self.seconds = state["seconds"]


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and Path(value).is_file()
