"""Forward passes in integers of 8 bits, in OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import UsageError
from .compiled import weights_digest
from .openvino import OpenVINOInferer

#: Where a quantised model keeps the fingerprint of the weights that it was made from.
DIGEST_KEY = "weights_digest"


class QuantizedInferer(OpenVINOInferer):
    """Runs a network that `quantize` has turned into integers of 8 bits; the fastest way on a CPU.

    Args:
        model: OpenVINO model (.xml, its .bin beside it), made from the very weights that the configuration reads.

    Raises:
        ImportError: the extra ``openvino`` is not installed.
        UsageError: no such model, not an OpenVINO model, or one that was made from other weights.
    """

    def __init__(self, model: str | Path) -> None:
        super().__init__(precision="f32")  # of the few layers that are not in integers
        self.model = Path(model)

    def _convert(self, network: nn.Module, example: torch.Tensor) -> Any:
        for file in (self.model, self.model.with_suffix(".bin")):
            if not file.is_file():
                raise UsageError(f"{file}: no such file; make it by python -m common.inferers quantize BUNDLE DATA")
        try:
            model = self._openvino.Core().read_model(self.model)
        except RuntimeError as error:
            raise UsageError(f"{self.model}: not an OpenVINO model") from error
        made_from = str(model.get_rt_info(DIGEST_KEY).value) if model.has_rt_info(DIGEST_KEY) else ""
        if made_from != weights_digest(network):
            raise UsageError(
                f"{self.model}: made from other weights than the configuration reads; "
                "make it again by python -m common.inferers quantize BUNDLE DATA"
            )
        model.reshape(list(example.shape))
        return model
