"""One set of batch normalisation statistics in all processes before they validate."""

from __future__ import annotations

import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from torch import nn


class SyncBuffers:
    """Copies the network's buffers from rank 0 to all processes when the evaluator starts.

    Distributed training shares the buffers before each training step only; what a process sees in the last step stays
    its own, and each process would validate a slightly different network.

    Args:
        network: the network, or its ``DistributedDataParallel`` wrapper.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def attach(self, engine: Engine) -> None:
        """Register on the evaluator."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        if dist.is_available() and dist.is_initialized():
            with torch.no_grad():
                for buffer in self.network.buffers():
                    dist.broadcast(buffer, src=0)
