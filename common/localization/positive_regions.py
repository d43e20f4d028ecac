"""The mask of a positive radiograph's regions as the prediction itself."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import MetaKeys

from ..transforms.tb_decision import TB_DECISION
from .regions import fill_boxes


class PositiveRegionsd(MapTransform):
    """Make the filled boxes of the evidence the prediction; it is empty where the decision is that there is no TB.

    Args:
        keys: the prediction to replace, of an item that went through :class:`common.transforms.DecideTBd`.
        regions_key: regions of :class:`.FindRegionsd`, boxes in pixels of the radiograph.
        image_key: the radiograph; its metadata tell its size before preprocessing.
    """

    def __init__(
        self, keys: KeysCollection = "pred", regions_key: Hashable = "evidence_regions", image_key: Hashable = "image"
    ) -> None:
        super().__init__(keys)
        self.regions_key = regions_key
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Item with a mask [1, W, H], 8-bit 0 and 1."""
        d = dict(data)
        size = tuple(int(length) for length in d[self.image_key].meta[MetaKeys.SPATIAL_SHAPE][:2])
        boxes = [list(region.box) for region in d[self.regions_key]] if d[TB_DECISION].tb else []
        for key in self.key_iterator(d):
            d[key] = MetaTensor(torch.from_numpy(fill_boxes(boxes, size)[None].astype("uint8")))
        return d
