"""Class scores and where they come from, in one call."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import Inferer
from torch import nn

from ..localization import EvidenceMapper

#: Entries of the prediction.
LOGITS, EVIDENCE = "logits", "evidence"


class EvidenceInferer(Inferer):
    """Calls a classifier and maps the evidence for its score with the same forward pass.

    Args:
        method: one of :data:`common.localization.METHODS`.
        target: class whose score is explained.
        layer: see :class:`common.localization.EvidenceMapper`.
        amp: bfloat16 for the forward pass, as in :class:`MixedPrecisionInferer`.

    Raises:
        UsageError: at the first batch: an unknown method or layer, or a network that cannot give what is asked.
    """

    def __init__(
        self, method: str = "grad_cam_pp", target: int = 1, layer: str | None = None, amp: bool = False
    ) -> None:
        super().__init__()
        self.method = method
        self.target = target
        self.layer = layer
        self.amp = amp
        self._mapper: EvidenceMapper | None = None

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
        """Logits [B, K] and evidence maps [B, 1, W, H] in [0, 1] of images [B, C, W, H]."""
        if self._mapper is None or self._mapper.network is not network:
            self._mapper = EvidenceMapper(network, self.method, self.target, self.layer)
        kind = inputs.device.type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.amp and kind in ("cpu", "cuda")):
            logits, maps = self._mapper(inputs)
        return {LOGITS: logits, EVIDENCE: maps}
