"""Class scores and where they come from, in one call."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import Inferer
from torch import nn

from ..errors import UsageError
from ..localization import EvidenceMapper
from ..localization.mapper import IMAGE_METHODS, check_method
from .compiled import CompiledInferer

#: Entries of the prediction.
LOGITS, EVIDENCE = "logits", "evidence"


class EvidenceInferer(Inferer):
    """Calls a classifier and maps the evidence for its score with the same forward pass.

    Args:
        method: one of :data:`common.localization.METHODS`.
        target: class whose score is explained.
        layer: see :class:`common.localization.EvidenceMapper`.
        amp: bfloat16 for the forward pass, as in :class:`MixedPrecisionInferer`.
        runtime: runs the convolutions, up to the maps that the head pools, in place of torch.
        samples: noisy copies of ``smooth_saliency``.
        noise: their standard deviation as a fraction of the image's range.

    Raises:
        UsageError: with a runtime, what needs gradients of the convolutions. At the first batch: an unknown method or
            layer, or a network that cannot give what is asked.
    """

    def __init__(
        self,
        method: str = "grad_cam_pp",
        target: int = 1,
        layer: str | None = None,
        amp: bool = False,
        runtime: CompiledInferer | None = None,
        samples: int = 25,
        noise: float = 0.15,
    ) -> None:
        super().__init__()
        if runtime is not None and (layer is not None or method in IMAGE_METHODS):
            what = f"{method} at layer {layer!r}" if layer is not None else method
            raise UsageError(
                f"{what} needs gradients of the convolutions, which {type(runtime).__name__} does not give; leave the "
                "runtime out, or take another method without a layer"
            )
        self.method = method
        self.target = target
        self.layer = layer
        self.amp = amp
        self.runtime = runtime
        self.samples = samples
        self.noise = noise
        self._network: nn.Module | None = None
        self._mapper: EvidenceMapper

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
        """Logits [B, K] and evidence maps [B, 1, W, H] in [0, 1] of images [B, C, W, H]."""
        if self._network is not network:
            check_method(network, self.method, self.layer)
            run = network if self.runtime is None else CompiledFeatures(network, self.runtime)
            self._mapper = EvidenceMapper(
                run, self.method, self.target, self.layer, samples=self.samples, noise=self.noise
            )
            self._network = network
        kind = inputs.device.type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.amp and kind in ("cpu", "cuda")):
            logits, maps = self._mapper(inputs)
        return {LOGITS: logits, EVIDENCE: maps}


class CompiledFeatures(nn.Module):
    """A classifier whose convolutions run in another runtime, and its head in torch: nothing for gradients by images.

    Args:
        network: classifier with ``forward_features`` and ``forward_head``.
        runtime: for ``forward_features``.
    """

    def __init__(self, network: nn.Module, runtime: CompiledInferer) -> None:
        super().__init__()
        self.network = network
        self.features = _Features(network)
        self.runtime = runtime

    @property
    def class_weights(self) -> torch.Tensor:
        """Weights [K, C] of a linear head; no such attribute where the network has none."""
        return self.network.class_weights  # type: ignore[return-value]

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [B, C, h, w] that the head pools."""
        return self.runtime(x, self.features)

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        """Logits [B, K]."""
        return self.network.forward_head(maps)  # type: ignore[operator]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))


class _Features(nn.Module):
    """The part of a classifier that is compiled."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network.forward_features(x)  # type: ignore[operator]


def refuse_without_evidence(inferer: Inferer) -> None:
    """Refuse an inferer that gives logits alone; to be called in ``initialize`` of a configuration that localises.

    Raises:
        UsageError: another inferer than :class:`EvidenceInferer`.
    """
    if not isinstance(inferer, EvidenceInferer):
        raise UsageError(
            f"{type(inferer).__name__} gives no evidence maps: of the overlays that set the inferer localize.yaml must "
            "come last; localize_openvino.yaml after it runs the network in OpenVINO"
        )
