"""Drawn regions as pixels.

A pixel belongs to a region when its centre does. Coordinates count pixels from the top left corner of the picture, so
that the box (3, 2, 4, 5) covers the columns 3 to 6 and the rows 2 to 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon

from ..errors import FusionError

#: Columns and rows.
Size = tuple[int, int]


@dataclass(frozen=True)
class Box:
    """A rectangle with its top left corner at (x, y)."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise FusionError(f"a box of {self.width:g} x {self.height:g} pixels")

    def draw(self, canvas: NDArray[np.bool_]) -> None:
        """Set the pixels of the box, as far as they lie in the picture."""
        rows, columns = canvas.shape
        canvas[_range(self.y, self.height, rows), _range(self.x, self.width, columns)] = True


@dataclass(frozen=True)
class Polygon:
    """A polygon, closed by itself."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.xs) != len(self.ys) or len(self.xs) < 3:
            raise FusionError(f"a polygon with {len(self.xs)} x and {len(self.ys)} y; three points at least are needed")

    def draw(self, canvas: NDArray[np.bool_]) -> None:
        """Set the pixels inside, as far as they lie in the picture."""
        # scikit-image has the centres of pixels at whole numbers.
        canvas[polygon(np.subtract(self.ys, 0.5), np.subtract(self.xs, 0.5), canvas.shape)] = True


@dataclass(frozen=True)
class Ellipse:
    """An ellipse whose first radius is turned by an angle (radians, clockwise in the picture) from the x axis."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        if self.radius_x <= 0 or self.radius_y <= 0:
            raise FusionError(f"an ellipse with radii of {self.radius_x:g} and {self.radius_y:g} pixels")

    def draw(self, canvas: NDArray[np.bool_]) -> None:
        """Set the pixels inside, as far as they lie in the picture."""
        reach = max(self.radius_x, self.radius_y)
        rows = _range(self.y - reach, 2 * reach, canvas.shape[0])
        columns = _range(self.x - reach, 2 * reach, canvas.shape[1])
        y, x = np.ogrid[rows, columns]
        right, down = x + 0.5 - self.x, y + 0.5 - self.y
        along = right * math.cos(self.angle) + down * math.sin(self.angle)
        across = down * math.cos(self.angle) - right * math.sin(self.angle)
        canvas[rows, columns] |= (along / self.radius_x) ** 2 + (across / self.radius_y) ** 2 < 1


@dataclass(frozen=True)
class Runs:
    """A mask as run lengths down its columns, background first (COCO)."""

    size: Size
    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        if sum(self.lengths) != self.size[0] * self.size[1] or min(self.lengths, default=0) < 0:
            raise FusionError(
                f"run lengths of {sum(self.lengths)} pixels for a mask of {self.size[0]} x {self.size[1]}"
            )

    def draw(self, canvas: NDArray[np.bool_]) -> None:
        """Set the pixels of the mask.

        Raises:
            FusionError: the mask has another size than the picture.
        """
        if self.size != canvas.shape[::-1]:
            raise FusionError(f"a mask of {self.size[0]} x {self.size[1]} pixels")
        inside = np.arange(len(self.lengths)) % 2 == 1
        canvas |= np.repeat(inside, self.lengths).reshape(self.size).T


@dataclass(frozen=True)
class Broken:
    """A region that cannot be used, kept so that it fails its own image and not the whole file."""

    reason: str

    def draw(self, canvas: NDArray[np.bool_]) -> None:
        """Refuse.

        Raises:
            FusionError: always.
        """
        raise FusionError(self.reason)


Shape = Box | Polygon | Ellipse | Runs | Broken


def shape_or_reason(make: Callable[[], Shape]) -> Shape:
    """The shape that a function makes of a file's values, or a :class:`Broken` one that says why it cannot."""
    try:
        return make()
    except FusionError as error:
        return Broken(str(error))
    except KeyError as error:
        return Broken(f"no {error.args[0]}")
    except (TypeError, ValueError, AttributeError):
        return Broken("values that are no numbers")


def number(value: Any) -> float:
    """A finite number.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    return float(value)


def draw_shapes(shapes: tuple[Shape, ...], size: Size) -> NDArray[np.bool_]:
    """The union of regions.

    Args:
        shapes: the regions.
        size: columns and rows of the picture.

    Returns:
        Boolean array of shape [rows, columns].

    Raises:
        FusionError: a region that cannot be used or covers no pixel of the picture, by its number from 1 on.
    """
    union = np.zeros(size[::-1], dtype=np.bool_)
    for place, shape in enumerate(shapes, start=1):
        canvas = np.zeros_like(union)
        try:
            shape.draw(canvas)
        except FusionError as error:
            raise FusionError(f"region {place}: {error}") from error
        if not canvas.any():
            raise FusionError(f"region {place} covers no pixel of the picture of {size[0]} x {size[1]} pixels")
        union |= canvas
    return union


def _range(start: float, length: float, limit: int) -> slice:
    """The pixels between 0 and a limit whose centres lie from ``start`` on over a length."""
    first, end = (min(limit, max(0, math.ceil(edge - 0.5))) for edge in (start, start + length))
    return slice(first, end)
