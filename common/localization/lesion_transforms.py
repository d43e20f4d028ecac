"""From lesion probability maps to masks, boxes and the columns of tb_seg's ``predictions.csv``."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import CommonKeys, convert_to_dst_type, convert_to_tensor

from ..errors import UsageError
from ..metrics.confidence import expected_dice
from ..transforms.lung_box import LUNGS_FOUND
from ..transforms.tb_decision import NO_LUNGS
from .region_transforms import REGION_BOXES
from .regions import find_lesions
from .threshold import map_array

#: Flag of a mask that the network's own probabilities do not stand behind.
UNCERTAIN = "uncertain"
#: Entries of the item that :class:`FindLesionsd` adds.
LESION_PROBABILITY = "lesion_probability"
LESIONS = "lesions"


class FindLesionsd(MapTransform):
    """Turn a lesion probability map into a mask: threshold, least area, optionally only what lies in the lungs.

    The mask (8-bit 0 and 1, [1, W, H], with the map's metadata) takes the map's place. The map moves to
    ``lesion_probability``; the boxes of the lesions go into its metadata, for the overlay. ``lesions`` is the list of
    :class:`.Region`, with the mean probability of each component as score.

    Args:
        keys: key of the map [C, W, H] with values in [0, 1], in the geometry of the source. Several are not accepted.
        threshold: probability from which a pixel is lesion.
        min_area: components smaller than this fraction of the image are dropped.
        lung_key: key of the lung mask [1, W, H]; components that lie mostly outside are dropped. None keeps all.
        lung_margin: how far the lungs are enlarged first, as a fraction of the image's shorter side.
        channel: of a map of several classes, the one to outline; None outlines any, by the highest probability of all.

    Raises:
        UsageError: a threshold not between 0 and 1, a least area or margin out of 0 to 1; when called, a channel that
            the map does not have.
        ValueError: several keys.
    """

    def __init__(
        self,
        keys: KeysCollection,
        threshold: float = 0.5,
        min_area: float = 0.0,
        lung_key: Hashable | None = None,
        lung_margin: float = 0.05,
        channel: int | None = None,
    ) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"one entry with a map is accepted, got {', '.join(map(str, self.keys))}")
        if not 0 < threshold < 1:
            raise UsageError(f"threshold: a number between 0 and 1 is needed, got {threshold}")
        for name, number in (("min_area", min_area), ("lung_margin", lung_margin)):
            if not 0 <= number <= 1:
                raise UsageError(f"{name}: a number from 0 to 1 is needed, got {number}")
        self.threshold = threshold
        self.min_area = min_area
        self.lung_key = lung_key
        self.lung_margin = lung_margin
        self.channel = channel

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        probability = self._one_class(d[self.keys[0]])
        mask, lesions = find_lesions(
            map_array(probability, "FindLesionsd"),
            self.threshold,
            min_area=self.min_area,
            lungs=None if self.lung_key is None else map_array(d[self.lung_key], "FindLesionsd") != 0,
            lung_margin=self.lung_margin,
        )
        d[self.keys[0]] = convert_to_dst_type(mask[None], probability, dtype=np.uint8)[0]
        if isinstance(probability, MetaTensor):
            probability.meta[REGION_BOXES] = [list(lesion.box) for lesion in lesions]
        d[LESION_PROBABILITY], d[LESIONS] = probability, lesions
        return d

    def _one_class(self, maps: NdarrayOrTensor) -> NdarrayOrTensor:
        """The map [1, W, H] that is outlined."""
        classes = maps.shape[0]
        if self.channel is None:
            return maps if classes == 1 else convert_to_dst_type(convert_to_tensor(maps).amax(0, keepdim=True), maps)[0]
        if not 0 <= self.channel < classes:
            raise UsageError(f"channel {self.channel}: the network gives the channels 0 to {classes - 1}")
        return maps[self.channel : self.channel + 1]


FindLesionsD = FindLesionsDict = FindLesionsd


def lesion_confidence(probability: torch.Tensor, mask: torch.Tensor) -> float:
    """The Dice that a lesion mask would have on average if the probabilities were true.

    It is :func:`common.metrics.confidence.expected_dice`; of an empty mask, one minus the highest probability.

    Args:
        probability: map with values in [0, 1].
        mask: 0 and 1, of the same shape.

    Returns:
        A number in [0, 1].
    """
    return expected_dice(probability, mask) if bool((mask != 0).any()) else 1.0 - float(probability.max())


def describe_lesions(item: Mapping[str, Any], key: str = "pred", uncertain_below: float = 0.0) -> dict[str, Any]:
    """The columns of one item that went through :class:`FindLesionsd`.

    Args:
        item: post-processed item.
        key: key of the mask.
        uncertain_below: masks of lower confidence are flagged.

    Returns:
        ``tb_area_fraction`` of the image, ``lesions`` (their number), ``lesion_confidence`` (see
        :func:`lesion_confidence`), ``lesion_boxes`` (JSON list of ``{"box": [x, y, w, h], "score": s}`` in source
        pixels) and ``flags``: ``uncertain``, and ``no_lungs`` where the lung crop found none and kept the whole image.
    """
    mask = torch.as_tensor(item[key])
    confidence = lesion_confidence(torch.as_tensor(item[LESION_PROBABILITY]).reshape(mask.shape), mask)
    whole = not getattr(item.get(CommonKeys.IMAGE), "meta", {}).get(LUNGS_FOUND, True)
    lesions = item[LESIONS]
    boxes = [{"box": list(lesion.box), "score": round(lesion.score, 6)} for lesion in lesions]
    return {
        "tb_area_fraction": round(float((mask != 0).float().mean()), 5),
        "lesions": len(lesions),
        "lesion_confidence": round(confidence, 4),
        "lesion_boxes": json.dumps(boxes),
        "flags": [UNCERTAIN] * (confidence < uncertain_below) + [NO_LUNGS] * whole,
    }
