"""Cleaning of predicted lung masks, and the box around them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends
from skimage.measure import label


def mask_array(condition: NdarrayOrTensor, name: str) -> np.ndarray:
    """The condition [1, W, H] as a boolean NumPy array [W, H]."""
    if condition.ndim != 3 or condition.shape[0] != 1:
        raise ValueError(f"{name}: expected a map of shape [1, W, H], got {tuple(condition.shape)}")
    array = condition.detach().cpu().numpy() if isinstance(condition, torch.Tensor) else np.asarray(condition)
    return array[0].astype(bool)


def lung_box(mask: NdarrayOrTensor) -> tuple[int, int, int, int] | None:
    """The smallest box that holds every non-zero pixel.

    Args:
        mask: array [1, W, H] (x first, as everywhere in MONAI); any type, non-zero is lung.

    Returns:
        (x, y, w, h) in pixels, origin in the top left pixel of the picture; None for an empty mask.

    Raises:
        ValueError: when the array is not [1, W, H].
    """
    lungs = mask_array(mask != 0, "lung_box")
    columns, rows = np.nonzero(lungs.any(axis=1))[0], np.nonzero(lungs.any(axis=0))[0]
    if columns.size == 0:
        return None
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y


class CleanLungMask(Transform):
    """Remove from a lung probability map what cannot be lung, without touching the outline of what stays.

    The map is binarised, its largest components are kept, small ones dropped and holes filled. The result is still a
    probability map: pixels of dropped components become 0, filled holes become 1, all others keep their value. Linear
    interpolation never exceeds its neighbours, so a dropped component (0, surrounded by values below the threshold)
    leaves no ring and a filled hole (1, surrounded by values above it) no seam when the map is resampled to the size
    of the source and binarised there at the same threshold, while the kept outline has sub-pixel accuracy.

    The default limits were chosen on the 901 lung masks of Montgomery, Shenzhen and JSRT: the smallest lung there (a
    collapsed one) takes 1.8 % of the image and is a tenth as large as its partner, and the mediastinum between
    the lungs takes more than 0.18 of the lung area, so that it is never taken for a hole where the two lungs touch
    above and below it.

    Args:
        threshold: probability from which a pixel is lung, in (0, 1).
        num_components: how many components to keep, the largest first.
        min_fraction: components smaller than this fraction of the image are dropped.
        min_ratio: components smaller than this fraction of the largest component are dropped.
        max_hole_fraction: holes larger than this fraction of the kept lung area are not filled.

    Raises:
        ValueError: when an argument is out of its range, or an input is not [1, W, H].
    """

    backend: ClassVar[list[TransformBackends]] = [TransformBackends.TORCH, TransformBackends.NUMPY]

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        num_components: int = 2,
        min_fraction: float = 0.005,
        min_ratio: float = 0.05,
        max_hole_fraction: float = 0.15,
    ) -> None:
        if not 0 < threshold < 1:
            raise ValueError(f"CleanLungMask: threshold must lie between 0 and 1, got {threshold}")
        if num_components < 1:
            raise ValueError(f"CleanLungMask: num_components must be at least 1, got {num_components}")
        for name, value in (
            ("min_fraction", min_fraction),
            ("min_ratio", min_ratio),
            ("max_hole_fraction", max_hole_fraction),
        ):
            if not 0 <= value <= 1:
                raise ValueError(f"CleanLungMask: {name} must lie between 0 and 1, got {value}")
        self.threshold = threshold
        self.num_components = num_components
        self.min_fraction = min_fraction
        self.min_ratio = min_ratio
        self.max_hole_fraction = max_hole_fraction

    def __call__(self, img: NdarrayOrTensor) -> NdarrayOrTensor:
        """Clean one map.

        Args:
            img: probabilities [1, W, H] in [0, 1]: a NumPy array, a tensor or a MetaTensor.

        Returns:
            A new map of the same type, shape and dtype; a MetaTensor keeps metadata and applied operations.
        """
        binary = mask_array(img >= self.threshold, "CleanLungMask")
        kept = self._keep_components(binary)
        filled = self._fill_holes(kept)
        out: Any = img.clone() if isinstance(img, torch.Tensor) else img.copy()
        # An island inside a hole is dropped first and comes back with the filling.
        for pixels, value in ((binary & ~kept, 0), (filled & ~kept, 1)):
            index = pixels[None]
            out[torch.from_numpy(index).to(img.device) if isinstance(img, torch.Tensor) else index] = value
        return out

    def _keep_components(self, binary: np.ndarray) -> np.ndarray:
        # Four neighbours: a part that hangs on by a corner only falls apart when the map is resampled.
        labels = label(binary, connectivity=1)
        areas = np.bincount(labels.ravel())
        areas[0] = 0
        smallest = max(self.min_fraction * binary.size, self.min_ratio * areas.max())
        largest = np.argsort(areas, kind="stable")[::-1][: self.num_components]
        keep = np.zeros(areas.size, dtype=bool)
        keep[largest] = areas[largest] >= max(smallest, 1)
        return keep[labels]

    def _fill_holes(self, kept: np.ndarray) -> np.ndarray:
        labels = label(~kept, connectivity=1)
        areas = np.bincount(labels.ravel())
        hole = areas <= self.max_hole_fraction * kept.sum()
        edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
        hole[np.concatenate(edges)] = False
        hole[0] = True  # the label of the kept pixels themselves
        return hole[labels]


class CleanLungMaskd(MapTransform):
    """Dictionary-based version of `CleanLungMask`.

    Args:
        keys: keys of the probability maps.
        allow_missing_keys: skip keys that the data lacks instead of raising.
        kwargs: the arguments of `CleanLungMask`.
    """

    backend = CleanLungMask.backend

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False, **kwargs: Any) -> None:
        super().__init__(keys, allow_missing_keys)
        self.cleaner = CleanLungMask(**kwargs)

    def __call__(self, data: Mapping[Hashable, NdarrayOrTensor]) -> dict[Hashable, NdarrayOrTensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.cleaner(d[key])
        return d


CleanLungMaskD = CleanLungMaskDict = CleanLungMaskd
