"""Pretrained encoder weights into a network when training starts."""

from __future__ import annotations

from pathlib import Path

from ignite.engine import Engine, Events
from torch import nn

from ..networks.pretrained import load_encoder_weights


class LoadEncoder:
    """Handler that calls :func:`common.networks.load_encoder_weights` once when training starts.

    Args:
        network: a network with an encoder of a published architecture, or its ``DistributedDataParallel`` wrapper.
        source: "imagenet" or a file.
    """

    def __init__(self, network: nn.Module, source: str | Path) -> None:
        self.network = network
        self.source = source

    def attach(self, engine: Engine) -> None:
        """Register on the trainer."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        load_encoder_weights(getattr(self.network, "module", self.network), self.source)
