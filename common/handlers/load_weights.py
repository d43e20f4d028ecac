"""Weights into a network when an engine starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from torch import nn

from ..networks.weights import load_weights


class LoadWeights:
    """Handler that calls :func:`common.networks.load_weights` when the engine starts.

    Args:
        network: see :func:`common.networks.load_weights`.
        path: see :func:`common.networks.load_weights`.
        help_text: see :func:`common.networks.load_weights`.
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
