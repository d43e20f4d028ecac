"""Evidence for each class of an image, averaged over sizes and mirror images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from ..localization import EvidenceMapper, normalise_maps
from ..localization.scale import resize_maps

#: Sides of the enlarged and reduced images are multiples of this, as the coarsest networks want them.
SIDE_FACTOR = 32


def class_evidence(
    network: nn.Module,
    images: torch.Tensor,
    targets: Sequence[int],
    *,
    method: str = "grad_cam_pp",
    layer: str | None = None,
    scales: Sequence[float] = (1.0, 0.5, 1.5, 2.0),
    flip: bool = True,
) -> torch.Tensor:
    """Evidence maps, each of which is 1 at its strongest place.

    As in IRNet's code: the maps of all sizes and their mirror images, without their negative values, are added up and
    divided by the maximum.

    Args:
        network: a classifier, see :class:`common.localization.EvidenceMapper`.
        images: shape [B, C, W, H], as the network takes them.
        targets: output of the network that stands for each of the K classes.
        method: see :class:`common.localization.EvidenceMapper`.
        layer: see :class:`common.localization.EvidenceMapper`.
        scales: sizes relative to the images, rounded to sides of multiples of 32.
        flip: mirror the images as well, left to right.

    Returns:
        Shape [B, K, W, H], values in [0, 1]; 0 everywhere where there is no evidence.

    Raises:
        UsageError: see :class:`common.localization.EvidenceMapper`.
    """
    mappers = [EvidenceMapper(network, method, target, layer, normalise=False) for target in targets]
    total = images.new_zeros(len(images), len(mappers), *images.shape[2:])
    for scale in scales:
        size = [max(1, round(side * scale / SIDE_FACTOR)) * SIDE_FACTOR for side in images.shape[2:]]
        scaled = images if scale == 1 else F.interpolate(images, size, mode="bilinear", align_corners=False)
        for mirrored in (False, True) if flip else (False,):
            seen = scaled.flip(2) if mirrored else scaled
            for number, mapper in enumerate(mappers):
                maps = resize_maps(mapper(seen)[1].relu(), images.shape[2:])
                total[:, number] += (maps.flip(2) if mirrored else maps)[:, 0]
    return normalise_maps(total.flatten(0, 1)[:, None]).view_as(total)
