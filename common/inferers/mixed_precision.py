"""Forward passes in reduced precision and channels-last layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import SimpleInferer


class MixedPrecisionInferer(SimpleInferer):
    """Calls the network under ``torch.autocast`` of the input's own device, in channels-last memory layout.

    MONAI's engines autocast on CUDA only. On a CPU with bfloat16 instructions this makes a training step two to
    three times faster; outputs are float32 again.

    Args:
        amp: use bfloat16, on CPUs and on GPUs; False calls the network in full precision.
        channels_last: bring image batches (B, C, H, W) into channels-last layout first.
    """

    def __init__(self, amp: bool = True, channels_last: bool = True) -> None:
        super().__init__()
        self.amp = amp
        self.channels_last = channels_last

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        if self.channels_last and inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            if isinstance(network, torch.nn.Module):
                # A no-op from the second call on: the parameters are in that layout already.
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        kind = inputs.device.type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.amp and kind in ("cpu", "cuda")):
            outputs = super().__call__(inputs, network, *args, **kwargs)
        return outputs.float()
