"""Resizing that averages on the way down and interpolates on the way back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import Resized
from monai.utils import TraceKeys


class Shrinkd(Resized):
    """Resize by area averaging; ``Invertd`` brings the result back by linear interpolation.

    MONAI's ``Resized`` inverts with the mode it came with, and "area" enlarges by repeating pixels: outlines would
    come back as stairs.

    Args:
        keys: keys of the images [C, W, H].
        spatial_size: (W, H) of the result.
        allow_missing_keys: skip keys that the data lacks.
    """

    def __init__(self, keys: Any, spatial_size: Any, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, spatial_size=spatial_size, mode="area", allow_missing_keys=allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, torch.Tensor], lazy: bool | None = None) -> dict[Hashable, torch.Tensor]:
        d = super().__call__(data, lazy=False)
        for key in self.key_iterator(d):
            image = d[key]
            if isinstance(image, MetaTensor) and image.applied_operations:
                image.applied_operations[-1][TraceKeys.EXTRA_INFO]["mode"] = "bilinear"
        return d


ShrinkD = ShrinkDict = Shrinkd
