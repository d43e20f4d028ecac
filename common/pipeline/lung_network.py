"""The network that finds lungs on the way to the others, at the speed of the other runtimes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..inferers import MixedPrecisionInferer


class LungNetwork(nn.Module):
    """Takes the place of a bundle's ``lung_network``: the same weights, in channels-last layout and bfloat16.

    It runs in the processes that read images. Compiled runtimes have threads, which these processes would have to be
    started without, and take a second to compile in each of them. Where the processor has no instructions for
    bfloat16 the network runs in full precision.

    Args:
        module: the lung network. Weights are loaded into it: :func:`common.networks.load_weights` looks through
            wrappers that call their content ``module``.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.inferer = MixedPrecisionInferer(amp=native_bfloat16())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [B, K, W, H] of images [B, C, W, H]."""
        return self.inferer(images, self.module)


def native_bfloat16() -> bool:
    """Whether this processor computes in bfloat16; False where torch is too old to tell."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))
