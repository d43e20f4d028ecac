"""The weight of an image in the loss, carried by its label."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform


class ImageWeightd(MapTransform):
    """Append a channel filled with the item's weight to its label, for :class:`common.losses.ImageWeightedLoss`.

    A loss gets prediction and label and nothing else of the batch. Use it after all spatial transforms: padding and
    interpolation would change the weight.

    Args:
        keys: keys of the labels [C, W, H]; they become [C + 1, W, H], the weight last.
        weight_key: key of the weight, a number.
        allow_missing_keys: skip labels that an item lacks.
    """

    def __init__(
        self, keys: KeysCollection = "label", weight_key: Hashable = "weight", allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.weight_key = weight_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            weight = torch.full_like(d[key][:1], float(d[self.weight_key]), dtype=torch.float32)
            d[key] = torch.cat([d[key], weight])
        return d


ImageWeightD = ImageWeightDict = ImageWeightd
