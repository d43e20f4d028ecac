"""True boxes of one image, from the data index."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..metrics.boxes import as_boxes

#: Pixels by which rounding may move a box beyond the edge of its image.
_TOLERANCE = 1.0


def true_boxes(text: str, size: Sequence[int]) -> NDArray[np.float64]:
    """Read an entry of the index column ``boxes``.

    Args:
        text: JSON list of ``{"label": name, "xywh": [x, y, w, h]}`` in pixels of the image, origin top left.
        size: (W, H) of the image.

    Returns:
        Shape [M, 4]; M is 0 for ``[]``, which says that there is nothing to find.

    Raises:
        ValueError: another form, a box without area, or one that leaves the image.
    """
    try:
        boxes = as_boxes([entry["xywh"] for entry in json.loads(text)])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f'boxes cannot be read ({error}); a list of {{"xywh": [x, y, w, h]}} is needed') from error
    beyond = (boxes[:, :2] < -_TOLERANCE) | (boxes[:, :2] + boxes[:, 2:] > np.array(size) + _TOLERANCE)
    wrong = (boxes[:, 2:] == 0).any(axis=1) | beyond.any(axis=1)
    if wrong.any():
        raise ValueError(f"box {boxes[wrong][0].tolist()} has no place in an image of {size[0]} x {size[1]} pixels")
    return boxes
