"""Drawn regions become the right pixels."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np
import pytest

from common.fusion import FusionError
from common.fusion.raters.shapes import Box, Broken, Ellipse, Polygon, Runs, Shape, draw_shapes, number

SIZE = (20, 12)  # columns, rows


def drawn(shape: Shape, size: tuple[int, int] = SIZE) -> np.ndarray:
    return draw_shapes((shape,), size)


def test_a_box_covers_its_pixels() -> None:
    mask = drawn(Box(3, 2, 4, 5))
    expected = np.zeros((12, 20), dtype=bool)
    expected[2:7, 3:7] = True
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize(
    ("x", "width", "columns"),
    [(2.4, 3, [2, 3, 4]), (2.6, 3, [3, 4, 5]), (2.5, 1, [2]), (-3, 5, [0, 1]), (17.5, 100, [17, 18, 19])],
)
def test_a_pixel_belongs_to_a_box_when_its_centre_does(x: float, width: float, columns: list[int]) -> None:
    assert np.flatnonzero(drawn(Box(x, 1, width, 2))[1]).tolist() == columns


@pytest.mark.parametrize(("x", "y", "width", "height"), [(3, 2, 4, 5), (1.3, 0.7, 6.1, 3.9), (0, 0, 20, 12)])
def test_a_box_is_the_polygon_of_its_corners(x: float, y: float, width: float, height: float) -> None:
    corners = Polygon((x, x + width, x + width, x), (y, y, y + height, y + height))
    assert np.array_equal(drawn(corners), drawn(Box(x, y, width, height)))


def test_a_triangle_covers_half_of_its_box() -> None:
    mask = drawn(Polygon((0, 300, 0), (0, 0, 200)), (300, 200))
    assert mask.mean() == pytest.approx(0.5, abs=0.005)
    assert mask[0, 0]
    assert not mask[-1, -1]


def test_the_order_of_corners_does_not_matter() -> None:
    xs, ys = (2, 15, 17, 4), (1, 3, 10, 9)
    assert np.array_equal(drawn(Polygon(xs, ys)), drawn(Polygon(xs[::-1], ys[::-1])))


@pytest.mark.parametrize("angle", [0, 0.4, math.pi / 2, -1.1])
def test_an_ellipse_has_its_area_and_axes(angle: float) -> None:
    mask = drawn(Ellipse(100.5, 80.5, 60, 20, angle), (200, 160))
    assert mask.sum() == pytest.approx(math.pi * 60 * 20, rel=0.01)
    y, x = np.nonzero(mask)
    assert (x.mean(), y.mean()) == pytest.approx((100, 80), abs=1e-9)
    # The long axis points to the right and, for a positive angle, down.
    spread = np.cov(x, y)
    assert math.atan2(2 * spread[0, 1], spread[0, 0] - spread[1, 1]) / 2 == pytest.approx(
        math.remainder(angle, math.pi), abs=0.01
    )


def test_a_circle_is_clipped_to_the_picture() -> None:
    whole = drawn(Ellipse(5, 6, 5, 5), (30, 12))
    assert np.array_equal(drawn(Ellipse(0, 6, 5, 5), (30, 12))[:, :5], whole[:, 5:10])


def test_run_lengths_go_down_the_columns() -> None:
    mask = np.random.default_rng(0).random((12, 20)) < 0.3
    mask[0, 0] = True
    flat = mask.T.ravel().tolist()
    lengths = [len(list(run)) for _, run in groupby(flat)]
    assert np.array_equal(drawn(Runs(SIZE, (0, *lengths))), mask)


def test_regions_are_united() -> None:
    mask = draw_shapes((Box(0, 0, 3, 3), Box(2, 2, 3, 3)), SIZE)
    assert mask.sum() == 17
    assert not draw_shapes((), SIZE).any()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (Box(20, 2, 5, 5), "region 2 covers no pixel of the picture of 20 x 12 pixels"),
        (Polygon((5.1, 5.2, 5.1), (5.1, 5.1, 5.2)), "region 2 covers no pixel"),
        (Ellipse(-9, 2, 3, 3), "region 2 covers no pixel"),
        (Runs((12, 20), (0, 240)), "region 2: a mask of 12 x 20 pixels"),
        (Broken("no shape"), "region 2: no shape"),
    ],
)
def test_what_cannot_be_drawn_is_named(shape: Shape, message: str) -> None:
    with pytest.raises(FusionError) as caught:
        draw_shapes((Box(0, 0, 2, 2), shape), SIZE)
    assert str(caught.value).startswith(message)


def test_shapes_without_an_area_do_not_exist() -> None:
    with pytest.raises(FusionError, match="a box of 0 x 5 pixels"):
        Box(1, 1, 0, 5)
    with pytest.raises(FusionError, match="a polygon with 2 x and 2 y; three points at least"):
        Polygon((1, 2), (1, 2))
    with pytest.raises(FusionError, match="an ellipse with radii of -1 and 2 pixels"):
        Ellipse(1, 1, -1, 2)
    with pytest.raises(FusionError, match="run lengths of 7 pixels for a mask of 2 x 2"):
        Runs((2, 2), (3, 4))


@pytest.mark.parametrize("value", ["5", True, None, float("nan"), float("inf"), [1]])
def test_only_finite_numbers_are_numbers(value: object) -> None:
    assert number(3) == 3.0
    with pytest.raises(ValueError, match="is no number"):
        number(value)
