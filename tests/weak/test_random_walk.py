from __future__ import annotations

import numpy as np
import pytest

from common.errors import UsageError
from common.weak.paths import half_plane_offsets, line_path
from common.weak.random_walk import affinity_matrix, random_walk


def dense_walk(maps: np.ndarray, edges: np.ndarray, radius: int, beta: float, squarings: int) -> np.ndarray:
    """The published computation, pixel pair by pixel pair, with the whole matrix squared again and again."""
    width, height = edges.shape
    pixels = [(y, x) for y in range(width) for x in range(height)]
    matrix = np.zeros((len(pixels), len(pixels)))
    for i, (y, x) in enumerate(pixels):
        for j, (v, u) in enumerate(pixels):
            a, b = v - y, u - x
            if a * a + b * b >= radius * radius:
                continue
            on_path = [
                edges[s, t]
                for s in range(min(y, v), max(y, v) + 1)
                for t in range(min(x, u), max(x, u) + 1)
                if i != j and abs(a * (t - x) - b * (s - y)) / np.hypot(a, b) < 1
            ]
            matrix[i, j] = (1 - max(on_path, default=0.0)) ** beta
    transition = matrix / matrix.sum(axis=0, keepdims=True)
    for _ in range(squarings):
        transition = transition @ transition
    return ((maps * (1 - edges)).reshape(len(maps), -1) @ transition).reshape(maps.shape)


def test_the_published_numbers_of_neighbours() -> None:
    assert len(half_plane_offsets(5)) == 34
    assert len(half_plane_offsets(10)) == 152
    assert half_plane_offsets(2) == ((0, 1), (1, -1), (1, 0), (1, 1))
    with pytest.raises(ValueError, match="2 or more"):
        half_plane_offsets(1)


@pytest.mark.parametrize(
    ("offset", "path"),
    [
        ((0, 3), {(0, 0), (0, 1), (0, 2), (0, 3)}),
        ((2, 0), {(0, 0), (1, 0), (2, 0)}),
        # Both corners beside a diagonal step are 0.71 pixels away from the line.
        ((1, -1), {(0, 0), (1, -1), (0, -1), (1, 0)}),
        # 1 / sqrt(5) and 2 / sqrt(5) away.
        ((1, 2), {(0, 0), (0, 1), (1, 1), (1, 2), (1, 0), (0, 2)}),
    ],
)
def test_paths_hold_what_the_line_touches(offset: tuple[int, int], path: set[tuple[int, int]]) -> None:
    assert set(line_path(offset)) == path


@pytest.mark.parametrize(("shape", "radius"), [((9, 12), 5), ((6, 4), 5), ((3, 11), 4)])
def test_the_sparse_walk_is_the_dense_one(shape: tuple[int, int], radius: int) -> None:
    random = np.random.default_rng(3)
    edges, maps = random.random(shape) ** 2, random.random((2, *shape))

    expected = dense_walk(maps, edges, radius, beta=4.0, squarings=8)

    np.testing.assert_allclose(random_walk(maps, edges, radius=radius, beta=4.0), expected, rtol=0, atol=1e-12)


def test_affinities_are_symmetric_and_one_to_oneself() -> None:
    edges = np.random.default_rng(0).random((7, 10))

    matrix = affinity_matrix(edges, radius=3, beta=2.0).toarray()

    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), 1.0)
    assert matrix[0, 1] == pytest.approx((1 - max(edges[0, 0], edges[0, 1])) ** 2)
    # The last pixel of a row and the first of the next lie side by side in memory only.
    assert matrix[9, 10] == 0


def test_two_regions_have_affinity_one_within_and_zero_across() -> None:
    edges = np.zeros((6, 11))
    edges[:, 5] = 1.0

    matrix = affinity_matrix(edges, radius=4, beta=10.0).toarray().reshape(6, 11, 6, 11)

    assert matrix[2, 1, 2, 4] == matrix[2, 1, 4, 2] == matrix[2, 6, 4, 8] == 1
    assert matrix[2, 4, 2, 6] == matrix[1, 4, 3, 6] == 0
    # Too far apart, though nothing lies between.
    assert matrix[2, 0, 2, 4] == 0


def test_evidence_fills_its_region_and_does_not_cross_the_boundary() -> None:
    edges = np.zeros((10, 21))
    edges[:, 10] = 1.0
    maps = np.zeros((1, 10, 21))
    maps[0, 4, 3] = 1.0

    (walked,) = random_walk(maps, edges, steps=2000)

    assert (walked[:, 11:] == 0).all()
    left = walked[:, :10]
    assert left.min() > 0
    # Every value becomes the mean of its neighbours: in the end all are equal.
    assert left.max() / left.min() < 1.01
    # The walk keeps the sum of the evidence, weighted by each pixel's number of neighbours.
    weight = affinity_matrix(edges).sum(axis=1).reshape(edges.shape)
    assert (walked * weight).sum() == pytest.approx(weight[4, 3])


def test_values_stay_between_those_they_come_from() -> None:
    random = np.random.default_rng(1)
    edges, maps = random.random((12, 12)) / 2, random.random((1, 12, 12))
    walked = random_walk(maps, edges)
    start = maps * (1 - edges)
    assert start.min() <= walked.min() <= walked.max() <= start.max()
    assert (random_walk(np.zeros((1, 12, 12)), edges) == 0).all()


def test_shapes_and_values_that_do_not_fit() -> None:
    with pytest.raises(UsageError, match=r"maps \[K, W, H\]"):
        random_walk(np.zeros((1, 4, 4)), np.zeros((4, 5)))
    with pytest.raises(UsageError, match=r"found -0\.5 to"):
        random_walk(np.zeros((1, 4, 4)), np.full((4, 4), -0.5))
    with pytest.raises(UsageError, match="nan"):
        random_walk(np.zeros((1, 4, 4)), np.full((4, 4), np.nan))
