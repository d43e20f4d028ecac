"""Evidence maps for an evaluator whose inferer gives class scores alone."""

from __future__ import annotations

from ignite.engine import Engine
from monai.engines.utils import IterationEvents
from monai.utils import CommonKeys
from torch import nn

from .mapper import EvidenceMapper


class EvidenceHandler:
    """Adds evidence maps [B, 1, W, H] in [0, 1] to the output of each batch, before it is post-processed.

    Post-processing then finds regions in them as it does in those of :class:`common.inferers.EvidenceInferer`. That one
    needs no pass of its own for most methods and serves programs that run no handlers; this one costs one more pass,
    and goes with any evaluator and any inferer: that of a training's validation, or a model in integers of 8 bits.

    Args:
        network: the classifier, as :class:`EvidenceMapper` takes it.
        method: one of :data:`METHODS`.
        target: class whose score is explained.
        layer: see :class:`EvidenceMapper`.
        key: of the maps in the output.

    Raises:
        UsageError: an unknown method or layer, or a network that cannot give what is asked.
    """

    def __init__(
        self,
        network: nn.Module,
        method: str = "grad_cam_pp",
        target: int = 1,
        layer: str | None = None,
        key: str = "evidence",
    ) -> None:
        self.mapper = EvidenceMapper(network, method, target, layer)
        self.key = key

    def attach(self, engine: Engine) -> None:
        """Add the maps once the engine has its prediction."""
        engine.add_event_handler(IterationEvents.FORWARD_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Map the evidence in the images of the engine's output."""
        engine.state.output[self.key] = self.mapper(engine.state.output[CommonKeys.IMAGE])[1]
