"""Where the body of a radiograph phantom lies on the film."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from skimage.draw import polygon2mask


@dataclass(frozen=True)
class Warp:
    """A smooth deformation of the whole body, so that no two patients have their ribs in the same places.

    Attributes:
        waves: one row a wave, [N, 6]: amplitude in x and in y (mm), wave number along x and along y (1/mm), and their
            phases.
    """

    waves: np.ndarray

    @classmethod
    def sample(cls, rng: np.random.Generator, amplitude: float) -> Warp:
        """Draw a deformation of a root mean square of about `amplitude` mm."""
        waves = np.empty((3, 6), dtype=np.float32)
        waves[:, :2] = rng.normal(0, amplitude, (3, 2))
        waves[:, 2:4] = 2 * np.pi / rng.uniform(160, 420, (3, 2))
        waves[:, 4:] = rng.uniform(0, 2 * np.pi, (3, 2))
        return cls(waves)

    def shift(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Displacement in mm, in x and in y, of points of the drawn body."""
        dx, dy = np.zeros_like(x), np.zeros_like(y)
        for ax, ay, kx, ky, px, py in self.waves:
            wave = np.sin(kx * x + px) * np.sin(ky * y + py)
            dx += ax * wave
            dy += ay * wave
        return dx, dy


@dataclass(frozen=True)
class Frame:
    """Where the body lies on the film.

    Attributes:
        shape: rows and columns.
        pixel: size of a pixel, mm.
        origin: row and column of the point (0, 0) of the body.
        tilt: rotation of the body, radians, clockwise.
        warp: deviation of this body from the drawn one.
    """

    shape: tuple[int, int]
    pixel: float
    origin: tuple[float, float]
    tilt: float
    warp: Warp

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Rows and columns [N, 2] of points (x, y) [N, 2] in mm."""
        dx, dy = self.warp.shift(points[:, 0], points[:, 1])
        x, y = (points[:, 0] + dx) / self.pixel, (points[:, 1] + dy) / self.pixel
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        return np.stack([self.origin[0] + sin * x + cos * y, self.origin[1] + cos * x - sin * y], axis=1)

    def coordinates(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y of the drawn body, in mm, at every pixel: two float32 arrays of `shape`."""
        rows = (np.arange(self.shape[0], dtype=np.float32) - self.origin[0])[:, None] * self.pixel
        columns = (np.arange(self.shape[1], dtype=np.float32) - self.origin[1])[None] * self.pixel
        cos, sin = np.float32(np.cos(self.tilt)), np.float32(np.sin(self.tilt))
        seen_x, seen_y = cos * columns + sin * rows, cos * rows - sin * columns
        x, y = seen_x, seen_y
        # The warp is gentle, so its inverse is found by a few steps of fixed-point iteration.
        for _ in range(3):
            dx, dy = self.warp.shift(x, y)
            x, y = seen_x - dx, seen_y - dy
        return x, y

    def scaled(self, shape: tuple[int, int]) -> Frame:
        """The same view on another grid of the same proportions."""
        ratio = self.shape[1] / shape[1]
        row, column = ((o + 0.5) / ratio - 0.5 for o in self.origin)
        return replace(self, shape=shape, pixel=self.pixel * ratio, origin=(row, column))

    def fill(self, outline: np.ndarray) -> np.ndarray:
        """Mask of the inside of a closed outline [N, 2] in mm."""
        mask: np.ndarray = polygon2mask(self.shape, self.to_pixels(outline))
        return mask

    def blur(self, image: np.ndarray, sigma: float) -> np.ndarray:
        """Gaussian blur with sigma in mm."""
        blurred: np.ndarray = ndimage.gaussian_filter(image.astype(np.float32), sigma / self.pixel, truncate=3)
        return blurred

    def distance_to(self, lines: list[np.ndarray]) -> np.ndarray:
        """Distance in mm of every pixel to the nearest of some lines, each [N, 2] in mm."""
        free = np.ones(self.shape, dtype=bool)
        for line in lines:
            ends = self.to_pixels(line)
            chord = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(ends, axis=0), axis=1))])
            at = np.arange(0, chord[-1], 0.5)
            dense = np.stack([np.interp(at, chord, ends[:, 0]), np.interp(at, chord, ends[:, 1])]).round().astype(int)
            inside = ((dense >= 0) & (dense < np.array(self.shape)[:, None])).all(axis=0)
            free[tuple(dense[:, inside])] = False
        if free.all():
            return np.full(self.shape, np.inf, dtype=np.float32)
        # Blurring takes the stairs out of lines that were drawn on whole pixels.
        distance = ndimage.distance_transform_edt(free).astype(np.float32)
        smooth: np.ndarray = ndimage.gaussian_filter(distance, 0.8) * self.pixel
        return smooth
