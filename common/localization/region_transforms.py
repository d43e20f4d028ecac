"""Transforms that turn evidence maps into regions and filled boxes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import convert_to_dst_type

from ..errors import UsageError
from .overlay_difference import enclose, overlay_difference
from .regions import Region, fill_boxes, find_regions
from .threshold import binarise, check_rule, map_array

#: The rule of Rajaraman et al. (2021): see :func:`.overlay_difference.overlay_difference`.
OVERLAY_DIFFERENCE = "overlay_difference"

#: Metadata key of the boxes [x, y, w, h] that were found on a map; :class:`.EvidenceOverlayWriter` draws them.
REGION_BOXES = "region_boxes"


class FindRegions(Transform):
    """Regions of strong evidence on one map.

    Args:
        rule: rule of :func:`.threshold.binarise`, or ``overlay_difference``, the rule of Rajaraman et al. (2021),
            which needs the image and gives one rectangle around all that is strong.
        value: value of the rule.
        min_area: see :func:`.regions.find_regions`.
        lung_margin: see :func:`.regions.find_regions`.
        min_inside: see :func:`.regions.find_regions`.
        max_regions: see :func:`.regions.find_regions`.

    Raises:
        UsageError: an unknown rule, or a value out of its range.
    """

    def __init__(
        self,
        rule: str = "fraction",
        value: float | None = 0.2,
        min_area: float = 0.01,
        lung_margin: float = 0.05,
        min_inside: float = 0.5,
        max_regions: int | None = None,
    ) -> None:
        if rule != OVERLAY_DIFFERENCE:
            check_rule(rule, value)
        for name, number in (("min_area", min_area), ("lung_margin", lung_margin), ("min_inside", min_inside)):
            if not 0 <= number <= 1:
                raise UsageError(f"regions: {name} must lie between 0 and 1, got {number}")
        if max_regions is not None and max_regions < 1:
            raise UsageError(f"regions: max_regions must be at least 1, or null for all, got {max_regions}")
        self.rule = rule
        self.value = value
        self.limits: dict[str, Any] = {
            "min_area": min_area,
            "lung_margin": lung_margin,
            "min_inside": min_inside,
            "max_regions": max_regions,
        }

    def __call__(
        self,
        img: NdarrayOrTensor,
        probability: float = 1.0,
        lungs: NdarrayOrTensor | None = None,
        image: NdarrayOrTensor | None = None,
    ) -> list[Region]:
        """Find the regions of one map.

        Args:
            img: evidence map [1, W, H].
            probability: of the class on this image, for the scores.
            lungs: lung mask [1, W, H], non-zero inside; None keeps regions anywhere.
            image: the radiograph [1, W, H] in [0, 1], for ``overlay_difference``.

        Returns:
            Regions by falling score, boxes in pixels of the map.

        Raises:
            UsageError: ``overlay_difference`` without an image.
            ValueError: a map or mask of another shape.
        """
        evidence = map_array(img, "FindRegions")
        if self.rule == OVERLAY_DIFFERENCE:
            if image is None:
                raise UsageError("regions by overlay_difference need the image as well as its evidence map")
            mask = enclose(overlay_difference(map_array(image, "FindRegions"), evidence))
        else:
            mask = binarise(evidence, self.rule, self.value)
        inside = None if lungs is None else map_array(lungs, "FindRegions") != 0
        return find_regions(mask, evidence, probability=probability, lungs=inside, **self.limits)


class FindRegionsd(MapTransform):
    """Dictionary-based version of :class:`FindRegions`.

    Beside each map KEY it puts ``KEY_regions``, the list of regions, and ``KEY_region_mask``, the filled boxes
    [1, W, H] as 8-bit 0 and 1, of the map's type with its metadata. The boxes also go into the map's metadata.

    Args:
        keys: keys of the maps.
        probability_key: key of the class probability, a number or a tensor of one; 1 when None.
        lung_key: key of the lung mask; None keeps regions anywhere.
        image_key: key of the radiograph, for ``overlay_difference``.
        allow_missing_keys: skip keys that the data lacks.
        kwargs: arguments of :class:`FindRegions`.
    """

    def __init__(
        self,
        keys: KeysCollection,
        probability_key: Hashable | None = None,
        lung_key: Hashable | None = None,
        image_key: Hashable | None = None,
        allow_missing_keys: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.find = FindRegions(**kwargs)
        self.probability_key = probability_key
        self.lung_key = lung_key
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        probability = 1.0 if self.probability_key is None else float(torch.as_tensor(d[self.probability_key]))
        lungs = None if self.lung_key is None else d[self.lung_key]
        image = None if self.image_key is None else d[self.image_key]
        for key in self.key_iterator(d):
            evidence = d[key]
            regions = self.find(evidence, probability, lungs, image)
            boxes = [list(region.box) for region in regions]
            mask = fill_boxes(boxes, evidence.shape[1:])[None]
            d[f"{key}_regions"] = regions
            d[f"{key}_region_mask"] = convert_to_dst_type(mask, evidence, dtype=np.uint8)[0]
            if isinstance(evidence, MetaTensor):
                evidence.meta[REGION_BOXES] = boxes
        return d


FindRegionsD = FindRegionsDict = FindRegionsd
