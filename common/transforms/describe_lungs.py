"""The columns of lung_seg's ``predictions.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .lung_mask import lung_box

#: Lungs smaller than this fraction of the image are flagged; the smallest of 901 reference masks is 0.09.
SMALL_FRACTION = 0.06


def describe_lungs(item: Mapping[str, Any], key: str = "pred") -> dict[str, Any]:
    """Area and box of a lung mask, and what the quality rules say of it.

    Args:
        item: post-processed item; ``item[key]`` is the mask [W, H] or [1, W, H] in the source's pixels,
            ``item["quality"]``, where the rules were applied, a :class:`common.quality.Quality`.
        key: entry of the mask.

    Returns:
        ``lung_area_fraction`` of the image, ``box_x``, ``box_y``, ``box_w``, ``box_h`` in source pixels (empty when
        there is no lung) and ``flags``: those of the quality rules; without them ``no_lungs`` or ``small_lungs``.
        With the rules also ``lung_confidence`` (0 to 1) and ``chest_distance`` (1 is the limit).
    """
    mask = torch.as_tensor(item[key])
    if mask.ndim == 2:
        mask = mask[None]
    fraction = float((mask != 0).float().mean())
    box = lung_box(mask)
    flags = ["no_lungs"] if box is None else ["small_lungs"] if fraction < SMALL_FRACTION else []
    columns: dict[str, Any] = {"lung_area_fraction": round(fraction, 5)}
    for name, value in zip(("box_x", "box_y", "box_w", "box_h"), box or ("",) * 4, strict=True):
        columns[name] = value
    quality = item.get("quality")
    if quality is None:
        return columns | {"flags": flags}
    columns["lung_confidence"] = round(quality.confidence, 4)
    columns["chest_distance"] = round(quality.chest_distance, 3)
    return columns | {"flags": list(quality.flags)}
