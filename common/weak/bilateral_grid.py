"""Sums over all pixels, weighted by nearness in place and grey level, in linear time."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array

#: Grid cells a standard deviation; two keep the sums within three per cent of the exact ones.
CELLS = 2.0
#: Variance, in cells, of going to the grid and back with linear weights.
LINEAR = 1 / 3


class BilateralGrid:
    """Gaussian sums in the space of place and grey level on a coarse grid (Chen et al., SIGGRAPH 2007).

    Approximates ``sum_j exp(-|p_i - p_j|^2 / (2 place^2) - (g_i - g_j)^2 / (2 grey^2)) v_j`` for all pixels i, up to a
    factor common to all: values go to the corners of a grid by linear weights, are blurred there by a Gaussian, and
    come back by the same weights.

    Args:
        image: grey levels, shape [W, H].
        place: standard deviation in pixels.
        grey: standard deviation in grey levels.
    """

    def __init__(self, image: NDArray[np.number], place: float, grey: float) -> None:
        self.shape = image.shape
        levels = image.astype(np.float64) - float(image.min())
        places = np.meshgrid(*(np.arange(side, dtype=np.float64) for side in image.shape), indexing="ij")
        coordinates = [axis.ravel() * CELLS / place for axis in places] + [levels.ravel() * CELLS / grey]
        self._grid = tuple(int(axis.max()) + 2 for axis in coordinates)
        self._weights = _corner_weights(coordinates, self._grid)
        self._spread = self._weights.T.tocsr()
        self._sigma = float(np.sqrt(CELLS**2 - LINEAR))

    def __call__(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Sums of the values of all pixels around each; shape [K, W, H] in and out."""
        planes = len(values)
        cells = self._spread @ values.reshape(planes, -1).T.astype(np.float32)
        blurred = gaussian_filter(
            cells.reshape(*self._grid, planes), self._sigma, axes=(0, 1, 2), mode="constant", truncate=4.0
        )
        sums = self._weights @ blurred.reshape(-1, planes)
        return np.ascontiguousarray(sums.T).reshape(planes, *self.shape)


def _corner_weights(coordinates: list[NDArray[np.float64]], grid: tuple[int, ...]) -> csr_array:
    """Linear weights of the eight corners around each pixel, [pixels, cells]."""
    pixels = len(coordinates[0])
    low = [axis.astype(np.int64) for axis in coordinates]
    part = [axis - corner for axis, corner in zip(coordinates, low, strict=True)]
    cells = np.empty((pixels, 8), dtype=np.int64)
    weights = np.empty((pixels, 8), dtype=np.float32)
    for number, corner in enumerate(itertools.product((0, 1), repeat=3)):
        steps = list(zip(corner, low, part, strict=True))
        cells[:, number] = np.ravel_multi_index([base + up for up, base, _ in steps], grid)
        weights[:, number] = np.prod([share if up else 1 - share for up, _, share in steps], axis=0)
    rows = np.arange(0, 8 * pixels + 1, 8)
    return csr_array((weights.ravel(), cells.ravel(), rows), shape=(pixels, int(np.prod(grid))))
