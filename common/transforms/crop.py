"""What the cropping transforms share."""

from __future__ import annotations

from collections.abc import Hashable

import torch


def box_slices(box: tuple[int, int, int, int]) -> tuple[slice, slice]:
    """The slices along x and y of a box (x, y, w, h)."""
    x, y, w, h = box
    return slice(x, x + w), slice(y, y + h)


def check_same_size(name: str, key: Hashable, item: torch.Tensor, source_key: Hashable, source: torch.Tensor) -> None:
    """Refuse to crop items [C, W, H] of different size by one box.

    Raises:
        ValueError: naming both keys and sizes.
    """
    if item.shape[1:] != source.shape[1:]:
        found, wanted = (" x ".join(map(str, t.shape[1:])) for t in (item, source))
        raise ValueError(f"{name}: {key!r} is {found} pixels, {source_key!r} is {wanted}: they must have one size")
