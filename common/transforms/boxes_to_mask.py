"""Lesion boxes to masks that go through spatial transforms with their image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from monai.apps.detection.transforms.box_ops import convert_box_to_mask
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.data.box_utils import CornerSizeMode, StandardMode, clip_boxes_to_image, convert_box_mode
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, MapTransform
from numpy.typing import ArrayLike, NDArray

from ..io import MaskReader
from ..metrics.boxes import as_boxes
from .unite_masks import UniteMasksd


def boxes_to_masks(boxes: ArrayLike, size: Sequence[int]) -> NDArray[np.bool_]:
    """Filled boxes, one channel a box.

    Edges are rounded to the nearest pixel edge, a half up, and what lies outside the image is cut off. A box that then
    covers no pixel (without area, or outside) has an empty channel.

    Args:
        boxes: (x, y, w, h) in pixels, origin top left; shape [N, 4].
        size: (W, H) of the image.

    Returns:
        Shape [N, W, H] (x first, as everywhere in MONAI).

    Raises:
        ValueError: an array of another shape, a width or height below 0, or values that are no numbers.
    """
    array = as_boxes(boxes)
    corners = np.floor(convert_box_mode(array, CornerSizeMode, StandardMode) + 0.5)
    clipped, _ = clip_boxes_to_image(corners, size, remove_empty=False)
    masks = convert_box_to_mask(clipped, np.ones(len(array), dtype=np.int64), size, bg_label=0)
    # MONAI gives one empty channel where there is no box.
    return masks[: len(array)] != 0


class BoxesToMaskd(MapTransform):
    """Write the mask of an item's boxes beside its image.

    The boxes are those of the image file: use it right after ``LoadImaged`` and ``EnsureChannelFirstd``. The mask has
    the image's metadata, so that crops, flips, resizing, affine transforms and ``Invertd`` treat both alike;
    :class:`MaskToBoxesd` makes boxes again. Boxes are rounded and cut as in :func:`boxes_to_masks`. MONAI's own
    ``BoxToMaskd`` refuses boxes that leave the image, cuts edges down to whole pixels, and knows no channel a class.

    An item without boxes that has the path of a mask file under the key itself, as those of MONAI Label do, gets that.

    Args:
        keys: keys of the masks to write.
        boxes_key: key of the boxes (x, y, w, h) in pixels of the image, shape [N, 4].
        classes_key: key of the class of each box, shape [N], values 0 to ``num_classes`` - 1; without this entry all
            boxes are of class 0.
        image_key: key of the image [C, W, H].
        num_classes: channels of the mask; boxes of one class unite in its channel.
        per_box: a channel for each box in place of classes, so that overlapping boxes stay apart; an item without
            boxes has one empty channel.

    Raises:
        ValueError: boxes of another form (:func:`boxes_to_masks`), a class without a channel, or an image that another
            transform has cropped, turned or resized.
    """

    def __init__(
        self,
        keys: KeysCollection,
        boxes_key: Hashable = "boxes",
        classes_key: Hashable = "box_classes",
        image_key: Hashable = "image",
        num_classes: int = 1,
        per_box: bool = False,
    ) -> None:
        super().__init__(keys)
        self.boxes_key = boxes_key
        self.classes_key = classes_key
        self.image_key = image_key
        self.num_classes = num_classes
        self.per_box = per_box

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        image = d[self.image_key]
        if getattr(image, "applied_operations", None):
            done = image.applied_operations[0].get("class", "a transform")
            raise ValueError(f"BoxesToMaskd: {done} has changed the image, but its boxes belong to the image as loaded")
        if self.boxes_key not in d and all(isinstance(d.get(key), str | PathLike) for key in self.keys):
            return self._from_files(d)
        masks = boxes_to_masks(d[self.boxes_key], image.shape[1:])
        classes = np.asarray(d.get(self.classes_key, np.zeros(len(masks))))
        mask = self._channels(masks, classes).astype(np.float32)
        for key in self.keys:
            d[key] = MetaTensor(mask.copy(), meta=image.meta.copy() if isinstance(image, MetaTensor) else None)
        return d

    def _from_files(self, d: dict[Hashable, Any]) -> dict[Hashable, Any]:
        load = Compose(
            [
                LoadImaged(self.keys, reader=MaskReader()),
                EnsureChannelFirstd(self.keys),
                UniteMasksd(self.keys, reference=str(self.image_key)),
            ]
        )
        return dict(load(d))

    def _channels(self, masks: NDArray[np.bool_], classes: NDArray[Any]) -> NDArray[np.bool_]:
        if len(classes) != len(masks):
            raise ValueError(f"BoxesToMaskd: {len(masks)} boxes have {len(classes)} classes")
        if self.per_box:
            return masks if len(masks) else np.zeros((1, *masks.shape[1:]), dtype=bool)
        unknown = sorted(set(classes.tolist()) - set(range(self.num_classes)))
        if unknown:
            raise ValueError(f"BoxesToMaskd: box class {unknown[0]}, but num_classes is {self.num_classes}")
        return np.stack([masks[classes == number].any(axis=0) for number in range(self.num_classes)])


BoxesToMaskD = BoxesToMaskDict = BoxesToMaskd
