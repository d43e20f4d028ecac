"""Weights into a network, or one line that says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from torch import nn

from ..networks.state import WeightsError, read_state


def load_weights(network: nn.Module, path: str | Path, *, help_text: str = "") -> None:
    """Load a ``state_dict`` (of any floating-point precision) into ``network``.

    Args:
        network: keeps its own precision and device; a ``DistributedDataParallel`` wrapper is looked through.
        path: see :func:`common.networks.read_state`.
        help_text: where the weights can be had, for the message when they are missing.

    Raises:
        WeightsError: the file is missing, unreadable, or its tensors do not fit the network.
    """
    path = Path(path)
    if not path.exists():
        raise WeightsError(f"{path}: no weights there. {help_text}".strip())
    state = read_state(path)
    network = getattr(network, "module", network)
    target = network.state_dict()
    missing = sorted(set(target) - set(state))
    surplus = sorted(set(state) - set(target))
    shapes = [name for name in target if name in state and target[name].shape != state[name].shape]
    if missing or surplus or shapes:
        what = [
            f"{len(names)} {label} (first: {names[0]})"
            for names, label in ((missing, "tensors missing"), (surplus, "unknown tensors"), (shapes, "other shapes"))
            if names
        ]
        raise WeightsError(f"{path}: weights of another network than {type(network).__name__}: {', '.join(what)}")
    network.load_state_dict(state)


class LoadWeights:
    """Handler that calls :func:`load_weights` when the engine starts.

    Args:
        network: see :func:`load_weights`.
        path: see :func:`load_weights`.
        help_text: see :func:`load_weights`.
    """

    def __init__(self, network: nn.Module, path: str | Path, help_text: str = "") -> None:
        self.network = network
        self.path = path
        self.help_text = help_text

    def attach(self, engine: Engine) -> None:
        """Register on an evaluator or a trainer."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Any = None) -> None:
        load_weights(self.network, self.path, help_text=self.help_text)
