"""Class evidence spread by a random walk that boundaries hold back (Ahn et al., CVPR 2019, section 5.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import dia_array

from ..errors import UsageError
from .paths import Offset, half_plane_offsets, line_path

Array = NDArray[np.float64]


def random_walk(
    maps: NDArray[np.floating],
    edges: NDArray[np.floating],
    *,
    radius: int = 5,
    beta: float = 10.0,
    steps: int = 256,
) -> Array:
    """Spread evidence within regions that edges enclose.

    The affinity of two pixels nearer than ``radius`` is 1 minus the largest edge on the line between them, to the power
    of ``beta``; every pixel has affinity 1 to itself. With T as the matrix of affinities whose columns are divided by
    their sums, the result is ``x T^steps``, where x is the evidence, times 1 minus the edge at each pixel.

    The original raises T, a dense matrix of all pairs of pixels, to that power by repeated squaring. Here the row
    vector is multiplied by T, kept as diagonals, one step after the other: the same numbers, with memory and time
    linear in the pixels.

    Args:
        maps: evidence of each class, shape [K, W, H], at least 0.
        edges: probability of a boundary, shape [W, H], values in [0, 1].
        radius: of the neighbourhood, in pixels of the maps.
        beta: the larger, the fewer weak edges are crossed.
        steps: of the walk; the source's 8 squarings are 256.

    Returns:
        float64, shape [K, W, H], not normalised.

    Raises:
        UsageError: shapes that do not fit, or edges beyond [0, 1].
    """
    if maps.ndim != 3 or maps.shape[1:] != edges.shape:
        raise UsageError(f"random walk: maps [K, W, H] and edges [W, H] are needed, got {maps.shape} and {edges.shape}")
    if not (edges.min() >= 0 and edges.max() <= 1):
        raise UsageError(f"random walk: edges must lie in [0, 1], found {edges.min()} to {edges.max()}")
    affinities = affinity_matrix(edges, radius=radius, beta=beta)
    sums = affinities @ np.ones(edges.size)
    walked = np.empty(maps.shape)
    for number, plane in enumerate(maps):
        x = (plane * (1 - edges)).ravel().astype(np.float64)
        for _ in range(steps):
            # Affinities are symmetric, so that the column sums that divide T divide the product.
            x = affinities @ x / sums
        walked[number] = x.reshape(edges.shape)
    return walked


def affinity_matrix(edges: NDArray[np.floating], *, radius: int = 5, beta: float = 10.0) -> dia_array:
    """Affinities of all pairs of pixels nearer than ``radius``, symmetric, with ones on the diagonal.

    Args:
        edges: shape [W, H], values in [0, 1].
        radius: see :func:`random_walk`.
        beta: see :func:`random_walk`.

    Returns:
        Sparse matrix of W H rows, stored by diagonals.
    """
    width = edges.shape[1]
    pixels = edges.size
    diagonals: dict[int, Array] = {0: np.ones(pixels)}
    for offset in half_plane_offsets(radius):
        if offset[0] >= edges.shape[0] or abs(offset[1]) >= width:
            continue
        affinity = np.zeros(edges.shape)
        # Nothing leads out of the picture; a product that would wrap around its border stays zero.
        affinity[_sources(offset, edges.shape)] = (1 - largest_edge(edges, offset)) ** beta
        flat, shift = affinity.ravel(), offset[0] * width + offset[1]
        upper, lower = np.zeros(pixels), np.zeros(pixels)
        upper[shift:] = flat[: pixels - shift]  # column index j of scipy's layout: the entry (j - shift, j)
        lower[: pixels - shift] = flat[: pixels - shift]
        # In a narrow picture two offsets share a diagonal, but no entry of it.
        for place, values in ((shift, upper), (-shift, lower)):
            diagonals[place] = diagonals[place] + values if place in diagonals else values
    return dia_array((np.stack(list(diagonals.values())), list(diagonals)), shape=(pixels, pixels))


def largest_edge(edges: NDArray[np.floating], offset: Offset) -> NDArray[np.floating]:
    """Largest edge on the path from each pixel to the one at ``offset``, both ends included.

    Returns:
        Shape [W - |a|, H - |b|]: one value for each pixel whose partner lies in the picture.
    """
    a, b = offset
    rows, columns = _sources(offset, edges.shape)
    found = edges[rows, columns]
    for y, x in line_path((a, b)):
        found = np.maximum(found, edges[rows.start + y : rows.stop + y, columns.start + x : columns.stop + x])
    return found


def _sources(offset: Offset, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The pixels whose partner at ``offset``, which does not point up, lies in the picture."""
    a, b = offset
    return slice(0, shape[0] - a), slice(max(0, -b), shape[1] - max(0, b))
