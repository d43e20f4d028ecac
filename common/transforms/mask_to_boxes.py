"""Masks to the boxes around their parts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import NdarrayOrTensor
from monai.transforms import MapTransform
from monai.utils import convert_to_numpy
from numpy.typing import NDArray
from skimage.measure import label, regionprops


def mask_to_boxes(
    mask: NdarrayOrTensor, *, threshold: float = 0.5, min_area: int = 1, per_channel: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The box around each connected component (8 neighbours) of each channel.

    Args:
        mask: shape [C, W, H].
        threshold: value from which a pixel belongs to the mask.
        min_area: smaller components are dropped; in pixels of this mask.
        per_channel: one box around all of a channel, for masks with a channel for each box.

    Returns:
        Boxes (x, y, w, h) in pixels of this mask, shape [N, 4], by channel and then by the column of the first pixel;
        and the channel of each box, shape [N].

    Raises:
        ValueError: a mask of another shape.
    """
    if mask.ndim != 3:
        raise ValueError(f"mask_to_boxes: expected a mask of shape [C, W, H], got {tuple(mask.shape)}")
    boxes, channels = [], []
    # MONAI's convert_mask_to_box gives one box a channel, with no regard to its parts.
    for number, inside in enumerate(convert_to_numpy(mask) >= threshold):
        parts = inside.astype(np.uint8) if per_channel else label(inside, connectivity=2)
        for part in regionprops(parts):
            if part.area >= min_area:
                x0, y0, x1, y1 = part.bbox
                boxes.append((x0, y0, x1 - x0, y1 - y0))
                channels.append(number)
    return np.array(boxes, dtype=np.float32).reshape(-1, 4), np.array(channels, dtype=np.int64)


class MaskToBoxesd(MapTransform):
    """Dictionary-based version of :func:`mask_to_boxes`, the way back from :class:`BoxesToMaskd`.

    Boxes are those of the mask's current grid. Boxes of the source image come from the mask brought back by
    ``Invertd``, so that every spatial transform that MONAI can invert maps boxes as well. Through a round trip

    - flips, turns by 90 degrees, crops and padding keep whole-pixel boxes exactly (a crop cuts them);
    - resizing moves an edge by less than one pixel of the coarser grid;
    - rotation by other angles, shear and zoom give the box around the turned box, to within one pixel; boxes that stay
      on the image come back by the inverse to within one pixel.

    Args:
        keys: key of the mask [C, W, H]; one.
        boxes_key: key of the boxes to write.
        channels_key: key of the channel of each box to write: its class, or with a mask made ``per_box`` its place in
            the list of boxes. None for not writing it.
        threshold: see :func:`mask_to_boxes`.
        min_area: see :func:`mask_to_boxes`.
        per_channel: see :func:`mask_to_boxes`.
        allow_missing_keys: leave items without the mask as they are.
    """

    def __init__(
        self,
        keys: Hashable,
        boxes_key: Hashable = "boxes",
        channels_key: Hashable | None = None,
        threshold: float = 0.5,
        min_area: int = 1,
        per_channel: bool = False,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.boxes_key = boxes_key
        self.channels_key = channels_key
        self.options: dict[str, Any] = {"threshold": threshold, "min_area": min_area, "per_channel": per_channel}

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[self.boxes_key], channels = mask_to_boxes(d[key], **self.options)
            if self.channels_key is not None:
                d[self.channels_key] = channels
        return d


MaskToBoxesD = MaskToBoxesDict = MaskToBoxesd
