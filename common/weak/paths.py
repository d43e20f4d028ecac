"""Pairs of neighbouring pixels and the straight paths between them (IRNet: Ahn et al., CVPR 2019, section 4)."""

from __future__ import annotations

import functools

Offset = tuple[int, int]


@functools.cache
def half_plane_offsets(radius: int) -> tuple[Offset, ...]:
    """Differences (a, b) of pixels nearer than ``radius``, one of each pair of opposite ones.

    Args:
        radius: in pixels; a distance of exactly ``radius`` is too far. 5 gives 34 offsets, 10 gives 152.

    Returns:
        Offsets with a > 0, or a = 0 and b > 0, in rows.

    Raises:
        ValueError: a radius below 2, which leaves no neighbours.
    """
    if radius < 2:
        raise ValueError(f"half_plane_offsets: the radius must be 2 or more, got {radius}")
    reach = range(-radius + 1, radius)
    return tuple((a, b) for a in range(radius) for b in reach if (a > 0 or b > 0) and a * a + b * b < radius * radius)


@functools.cache
def line_path(offset: Offset) -> tuple[Offset, ...]:
    """Pixels that a straight line from (0, 0) to ``offset`` touches: those less than one pixel away from it.

    Returns:
        Positions within the box that the two ends span, both ends among them.
    """
    a, b = offset
    length = a * a + b * b
    rows = range(min(a, 0), max(a, 0) + 1)
    columns = range(min(b, 0), max(b, 0) + 1)
    return tuple((y, x) for y in rows for x in columns if (a * x - b * y) ** 2 < length)
