"""EfficientNet-Lite classifiers (Tan and Le 2019, in the form without squeeze-and-excitation for mobile processors)."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from .pooled_classifier import PooledClassifier, Standardize

#: Width and depth multipliers of the variants.
SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2), 3: (1.2, 1.4), 4: (1.4, 1.8)}

#: Repeats, kernel, stride, expansion and output channels of the seven stages of EfficientNet-B0.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD = 32, 1280


class EfficientNetLite(PooledClassifier):
    """EfficientNet-Lite: inverted residual blocks with ReLU6; about 12 times fewer operations than a VGG-16.

    The published weights come from TensorFlow, so that strided convolutions pad on the right and below first. Layers
    carry the names of the published PyTorch files.

    Args:
        variant: 0 to 4; Lite0 has 3,371,008 parameters before its linear layer, Lite1 4,135,680.
        num_classes: outputs; 2 means normal and TB.
        dropout: probability in front of the linear layer.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1]; maps (B, 1280, H/32, W/32); output (B, num_classes), logits.
    """

    def __init__(self, variant: int = 0, num_classes: int = 2, dropout: float = 0.2) -> None:
        if variant not in SCALES:
            raise ValueError(f"EfficientNetLite: variant must be one of {', '.join(map(str, SCALES))}, got {variant}")
        super().__init__(HEAD, num_classes, dropout)
        self.variant = variant
        width, depth = SCALES[variant]
        self.standardize = Standardize((127 / 255,), (128 / 255,))
        self._conv_stem = SameConv2d(3, STEM, 3, stride=2)
        self._bn0 = _norm(STEM)
        blocks: list[nn.Module] = []
        channels = STEM
        for index, (repeats, kernel, stride, expansion, out) in enumerate(STAGES):
            out = _round_to_eight(out * width)
            if 0 < index < len(STAGES) - 1:
                repeats = math.ceil(repeats * depth)
            for repeat in range(repeats):
                blocks.append(InvertedResidual(channels, out, kernel, 1 if repeat else stride, expansion))
                channels = out
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = nn.Conv2d(channels, HEAD, 1, bias=False)
        self._bn1 = _norm(HEAD)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu6(self._bn0(self._conv_stem(self.standardize(x))))
        return F.relu6(self._bn1(self._conv_head(self._blocks(x))))


class InvertedResidual(nn.Module):
    """Expand by 1 x 1, filter each channel, project by 1 x 1; add the input where the shape allows."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = in_channels * expansion
        self.expands = expansion > 1
        self.adds = stride == 1 and in_channels == out_channels
        self._expand_conv = nn.Conv2d(in_channels, width, 1, bias=False) if self.expands else nn.Identity()
        self._bn0 = _norm(width) if self.expands else nn.Identity()
        self._depthwise_conv = SameConv2d(width, width, kernel, stride=stride, groups=width)
        self._bn1 = _norm(width)
        self._project_conv = nn.Conv2d(width, out_channels, 1, bias=False)
        self._bn2 = _norm(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class SameConv2d(nn.Conv2d):
    """Convolution without bias that pads as TensorFlow's "SAME": the odd row and column go to the end.

    For stride 2 the image sides are taken as even, as every layer but the last of a deep network sees them.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(in_channels, out_channels, kernel, stride, padding=padding, groups=groups, bias=False)
        before = (kernel - stride) // 2
        self.strided = stride > 1
        self.ends = [before, kernel - stride - before] * 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.strided:
            x = F.pad(x, self.ends)
        if not torch.jit.is_scripting():
            # The gradient of strided and of 5 x 5 filters of single channels in bfloat16 takes oneDNN several
            # times as long as in float32, and would be most of a training step on a processor.
            slow = self.groups > 1 and (self.strided or self.kernel_size[0] > 3) and torch.is_grad_enabled()
            if slow and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
                with torch.autocast("cpu", enabled=False):
                    return self._conv_forward(x.float(), self.weight, self.bias).to(x.dtype)
        return self._conv_forward(x, self.weight, self.bias)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _round_to_eight(width: float) -> int:
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded
