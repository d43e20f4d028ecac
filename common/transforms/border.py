"""Cropping of the empty border that collimation, scanning or padding leaves around a radiograph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import Crop, Cropd

from .crop import box_slices, check_same_size

#: Pixels looked at along a line and for the grey-level range: enough for either, whatever the size of the film.
_SAMPLES = 512


class CropBorder(Crop):
    """Crop lines (rows and columns) at the edges of an image that are nearly all of one extreme grey level.

    From each side, the border's level is the median of the outermost hundredth of the lines; only a dark or bright
    extreme of the image counts as border. A line is border when enough of its pixels are near that level, so noise
    and small marks do no harm. Lines that are not border are stepped over when a broader band of border follows
    within `max_gap`: a text marker or the frame of a scanned film. The search is repeated on what is left, for frames
    within frames. (The plain rule "keep lines with any pixel above zero" is defeated by a single marker or hot pixel.)

    The crop is recorded in the applied operations, so MONAI's `Invertd` puts a prediction back into the whole image,
    with zeros in the border.

    Args:
        tolerance: largest distance from the border's level, as a fraction of the image's range (1st to 99th
            percentile).
        coverage: fraction of a line's pixels that must be near the level.
        max_gap: widest band to step over, as a fraction of the number of lines.
        max_fraction: where more than this fraction of the width (or height) would go, the width (or height) is left
            alone: so much emptiness is no border.
        lazy: see `monai.transforms.Crop`.

    Raises:
        ValueError: when an argument is out of its range, or an input is not [C, W, H].
    """

    def __init__(
        self,
        *,
        tolerance: float = 0.04,
        coverage: float = 0.95,
        max_gap: float = 0.06,
        max_fraction: float = 0.5,
        lazy: bool = False,
    ) -> None:
        super().__init__(lazy=lazy)
        for name, value in (("tolerance", tolerance), ("max_gap", max_gap), ("max_fraction", max_fraction)):
            if not 0 <= value < 1:
                raise ValueError(f"CropBorder: {name} must be at least 0 and below 1, got {value}")
        if not 0.5 < coverage <= 1:
            raise ValueError(f"CropBorder: coverage must be above 0.5 and at most 1, got {coverage}")
        self.tolerance = tolerance
        self.coverage = coverage
        self.max_gap = max_gap
        self.max_fraction = max_fraction

    @property
    def requires_current_data(self) -> bool:
        return True

    def compute_box(self, img: torch.Tensor | np.ndarray) -> tuple[int, int, int, int]:
        """The part of an image [C, W, H] that is not border, as (x, y, w, h) in pixels."""
        if img.ndim != 3:
            raise ValueError(f"CropBorder: expected an image of shape [C, W, H], got {tuple(img.shape)}")
        array = img.detach().cpu().numpy() if isinstance(img, torch.Tensor) else np.asarray(img)
        low, high = np.percentile(array[(slice(None), *(_steps(n) for n in array.shape[1:]))], (1, 99))
        if low == high:
            return 0, 0, array.shape[1], array.shape[2]
        ranges = [(0, n) for n in array.shape[1:]]
        previous = None
        while previous != ranges:
            previous = list(ranges)
            part = array[(slice(None), *(slice(*r) for r in previous))]
            for axis, (start, end) in enumerate(previous):
                before, after = self._border_widths(part, axis, float(low), float(high))
                size = array.shape[1 + axis]
                if size - (end - after - start - before) <= self.max_fraction * size:
                    ranges[axis] = (start + before, end - after)
        (x0, x1), (y0, y1) = ranges
        return x0, y0, x1 - x0, y1 - y0

    def __call__(  # type: ignore[override, unused-ignore]
        self, img: torch.Tensor, lazy: bool | None = None
    ) -> torch.Tensor:
        """Crop one image [C, W, H]; returns [C, w, h]."""
        return super().__call__(img, slices=box_slices(self.compute_box(img)), lazy=lazy)

    def _border_widths(self, part: np.ndarray, axis: int, low: float, high: float) -> tuple[int, int]:
        """How many lines of a part [C, W, H] are border at the low and at the high end of a spatial axis."""
        lines = np.moveaxis(part, 1 + axis, 0)
        lines = lines[..., _steps(lines.shape[-1])].reshape(len(lines), -1)
        return self._depth(lines, low, high), self._depth(lines[::-1], low, high)

    def _depth(self, lines: np.ndarray, low: float, high: float) -> int:
        """How many of the first lines [N, samples] are border."""
        count = len(lines)
        level = float(np.median(lines[: max(1, count // 100)]))
        margin = self.tolerance * (high - low)
        if low + margin < level < high - margin:
            return 0
        near = (lines >= level - margin) & (lines <= level + margin)
        border = np.append(near.mean(axis=1) >= self.coverage, False)
        changes = np.nonzero(np.diff(border.astype(np.int8), prepend=0))[0].reshape(-1, 2)
        depth = 0
        for start, end in changes:
            gap = start - depth
            if gap > self.max_gap * count or end - start < gap:
                break
            depth = int(end)
        return depth


class CropBorderd(Cropd):
    """Dictionary-based version of `CropBorder`: all keys are cropped to the box of one of them.

    Args:
        keys: keys of the items to crop, all of one width and height.
        source_key: key of the image whose border counts; the first of `keys` by default.
        tolerance: see `CropBorder`.
        coverage: see `CropBorder`.
        max_gap: see `CropBorder`.
        max_fraction: see `CropBorder`.
        allow_missing_keys: skip keys that the data lacks instead of raising.
        lazy: see `monai.transforms.Crop`.

    Raises:
        ValueError: when the items differ in width or height.
    """

    cropper: CropBorder

    def __init__(
        self,
        keys: KeysCollection,
        *,
        source_key: Hashable | None = None,
        tolerance: float = 0.04,
        coverage: float = 0.95,
        max_gap: float = 0.06,
        max_fraction: float = 0.5,
        allow_missing_keys: bool = False,
        lazy: bool = False,
    ) -> None:
        cropper = CropBorder(
            tolerance=tolerance, coverage=coverage, max_gap=max_gap, max_fraction=max_fraction, lazy=lazy
        )
        super().__init__(keys, cropper=cropper, allow_missing_keys=allow_missing_keys, lazy=lazy)
        self.source_key = self.keys[0] if source_key is None else source_key

    @property
    def requires_current_data(self) -> bool:
        return True

    def __call__(self, data: Mapping[Hashable, torch.Tensor], lazy: bool | None = None) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        source = d[self.source_key]
        slices = box_slices(self.cropper.compute_box(source))
        for key in self.key_iterator(d):
            check_same_size("CropBorderd", key, d[key], self.source_key, source)
            d[key] = Crop.__call__(self.cropper, d[key], slices=slices, lazy=lazy)
        return d


def _steps(size: int) -> slice:
    """A slice that takes about `_SAMPLES` evenly spread elements."""
    return slice(None, None, max(1, size // _SAMPLES))


CropBorderD = CropBorderDict = CropBorderd
