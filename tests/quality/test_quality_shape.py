"""The form of the lungs in numbers."""

from __future__ import annotations

import numpy as np
import pytest
from quality_views import made_view

from common.quality.shape import SHAPE, lung_shape


def bars() -> np.ndarray:
    """Right lung 8 x 32 at (10, 12), left lung 16 x 16 at (40, 20): [W, H]."""
    sides = np.zeros((64, 64), dtype=np.uint8)
    sides[10:18, 12:44] = 1
    sides[40:56, 20:36] = 2
    return sides


def test_closed_form_of_two_rectangles() -> None:
    found = lung_shape(made_view(bars()))
    assert found is not None
    assert len(found) == len(SHAPE)
    # A side of n pixels has the variance n^2 / 12, the pixels' own extent included.
    assert found == pytest.approx(
        [
            np.log(8 * 32 / (16 * 16)),
            np.log(32 / 8),
            0,
            0,
            0,
            (47.5 - 13.5) / 46,
            (27.5 - 27.5) / 32,
            np.log(2 * 256 / (46 * 32)),
        ],
        abs=1e-12,
    )


@pytest.mark.parametrize("move", [(0, 0), (5, 3), (-9, -12)])
def test_place_and_size_do_not_matter(move: tuple[int, int]) -> None:
    sides = bars()
    moved = np.roll(sides, move, (0, 1))
    enlarged = np.kron(sides, np.ones((3, 3), dtype=np.uint8))
    assert lung_shape(made_view(moved)) == pytest.approx(lung_shape(made_view(sides)))
    assert lung_shape(made_view(enlarged)) == pytest.approx(lung_shape(made_view(sides)))


def test_a_lung_that_widens_outwards_towards_the_foot_is_slanted() -> None:
    x, y = np.mgrid[:64, :64]
    sides = np.zeros((64, 64), dtype=np.uint8)
    sides[(x > 30 - y / 3) & (x < 30) & (y > 6) & (y < 50)] = 1
    sides[(x < 34 + y / 3) & (x > 34) & (y > 6) & (y < 50)] = 2
    right, left = lung_shape(made_view(sides))[3:5]  # type: ignore[index]
    assert right == pytest.approx(-left, abs=0.02)
    assert right < -0.3
    upside_down = lung_shape(made_view(sides[:, ::-1]))
    assert upside_down is not None
    assert upside_down[3:5] == pytest.approx([-right, -left])


def test_one_lung_has_no_form() -> None:
    sides = bars()
    assert lung_shape(made_view(np.where(sides == 1, sides, 0))) is None
    assert lung_shape(made_view(np.zeros_like(sides))) is None


def test_a_line_of_pixels_has_finite_numbers() -> None:
    sides = np.zeros((64, 64), dtype=np.uint8)
    sides[10, 5] = 1
    sides[50, 5:30] = 2
    assert np.isfinite(lung_shape(made_view(sides))).all()  # type: ignore[arg-type]
