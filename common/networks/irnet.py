"""IRNet: class-agnostic boundaries and displacements on a frozen trunk (Ahn et al., CVPR 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .efficientnet_lite_unet import EfficientNetLiteFeatures
from .resnet_classifier import ResNetClassifier, dilate

#: Channels of the five stages of ResNet-50.
RESNET_CHANNELS = (64, 256, 512, 1024, 2048)
#: Channels that the displacement branch makes of the five stages, and the groups of their normalisation.
WIDTHS, GROUPS = (64, 128, 256, 256, 256), (8, 16, 16, 16, 16)


class IRNet(nn.Module):
    """Two branches on the maps of five stages of a trunk, both at 1/4 of the resolution.

    The trunk takes no part in training: its parameters are frozen and it stays in evaluation mode. The last stage of
    ResNet-50 keeps the resolution of the one before, as in the source, where the branches have 125,409 (boundaries) and
    1,269,120 parameters (displacements). On EfficientNet-Lite0, which a CPU can run, they have 16,865 and
    439,680.

    In evaluation mode the mean displacement of the training set, ``displacement_mean``, is subtracted.

    Args:
        trunk: :class:`ResNetClassifier`, whose linear layer is not used, or :class:`EfficientNetLiteFeatures`.
        displacements: False leaves out their branch, which shares nothing with that of the boundaries: these learn
            the same without it, several times as fast.

    Shape:
        input (B, 1 or 3, W, H) with values in [0, 1], or the maps that :meth:`stages` makes of it; output
        (B, 3, W/4, H/4): the logit of a boundary, and the displacement along both axes, in pixels of the output; or
        (B, 1, W/4, H/4) without displacements.
    """

    displacement_mean: torch.Tensor

    def __init__(self, trunk: ResNetClassifier | EfficientNetLiteFeatures, displacements: bool = True) -> None:
        super().__init__()
        if isinstance(trunk, ResNetClassifier):
            dilate(trunk.layer4, first=1, rest=1)
            channels: Sequence[int] = RESNET_CHANNELS
        elif isinstance(trunk, EfficientNetLiteFeatures):
            channels = trunk.channels
        else:
            raise ValueError(
                f"IRNet: a ResNetClassifier or EfficientNetLiteFeatures is needed as trunk, got {type(trunk).__name__}"
            )
        self.trunk = trunk.requires_grad_(False).eval()
        self.edge = EdgeBranch(channels)
        self.displacement = DisplacementBranch(channels) if displacements else None
        self.register_buffer("displacement_mean", torch.zeros(2))

    def train(self, mode: bool = True) -> IRNet:
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, x: torch.Tensor | Sequence[torch.Tensor]) -> torch.Tensor:
        maps = self.stages(x) if isinstance(x, torch.Tensor) else x
        if self.displacement is None:
            return self.edge(maps)
        displacement = self.displacement(maps)
        if not self.training:
            displacement = displacement - self.displacement_mean.view(1, 2, 1, 1)
        return torch.cat([self.edge(maps), displacement], dim=1)

    @torch.no_grad()
    def stages(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Five maps of the trunk: two at 1/4 of the resolution, one at 1/8, two coarser ones."""
        trunk = self.trunk
        if isinstance(trunk, EfficientNetLiteFeatures):
            first, *others = trunk(x)
            return [F.max_pool2d(first, 3, stride=2, padding=1), *others]
        maps = [trunk.maxpool(torch.relu(trunk.bn1(trunk.conv1(trunk.standardize(x)))))]
        for stage in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4):
            maps.append(stage(maps[-1]))
        return maps


class EdgeBranch(nn.Module):
    """Logit of a boundary: 32 channels of every stage, brought to the finest and fused."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(_project(count, 32, 4) for count in channels)
        self.fuse = nn.Conv2d(32 * len(channels), 1, 1)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        size = maps[1].shape[2:]
        found = [_resize(stage(x), size).relu() for stage, x in zip(self.stages, maps, strict=True)]
        return self.fuse(torch.cat(found, dim=1))


class DisplacementBranch(nn.Module):
    """Where the centre of a pixel's object lies: the three coarse stages are fused first, then the fine ones."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            _project(count, width, groups) for count, width, groups in zip(channels, WIDTHS, GROUPS, strict=True)
        )
        self.fuse_coarse = _project(sum(WIDTHS[2:]), 256, 16)
        self.fuse_all = _project(sum(WIDTHS[:2]) + 256, 256, 16)
        self.last = nn.Conv2d(256, 2, 1, bias=False)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        projected = [stage(x) for stage, x in zip(self.stages, maps, strict=True)]
        size, coarse_size = projected[1].shape[2:], projected[2].shape[2:]
        fine = [x.relu() for x in projected[:2]]
        coarse = torch.cat([_resize(x, coarse_size).relu() for x in projected[2:]], dim=1)
        fused = _resize(self.fuse_coarse(coarse), size).relu()
        return self.last(self.fuse_all(torch.cat([*fine, fused], dim=1)).relu())


def _project(channels: int, width: int, groups: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.GroupNorm(groups, width))


def _resize(x: torch.Tensor, size: torch.Size) -> torch.Tensor:
    return x if x.shape[2:] == size else F.interpolate(x, size=size, mode="bilinear", align_corners=False)
