"""True boxes of one image, from the data index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..data.lesion_boxes import lesion_boxes


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
    return lesion_boxes(text, size)[1].astype(np.float64)
