"""Telling the right lung from the left in a lung mask."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_dst_type
from scipy import ndimage
from skimage.measure import label, regionprops
from skimage.segmentation import watershed

from .lung_mask import mask_array

#: Values of the label map of `SplitLungs`. The sides are the patient's; the patient's right has the low x index.
RIGHT_LUNG, LEFT_LUNG = 1, 2


class SplitLungs(Transform):
    """Tell the two lungs of a binary mask apart.

    Rules, for a mask of any number of parts:

    - The largest part is both lungs, touching, when its number of pixels a column falls between two crests by more
      than `min_valley` of the lower crest; it is then cut by a watershed of the distance to its edge. (In the lung
      masks of Montgomery, Shenzhen and JSRT, single lungs have valleys below 0.12, joined ones above 0.27.)
    - Otherwise the two largest parts are the lungs when they lie side by side: the one on the picture's left is the
      patient's right lung.
    - Otherwise (a single part, or two above each other, whose columns overlap by more than half of the narrower one)
      there is one lung. It gets the side of the image on which its centre lies: after a pneumonectomy or with one
      lung opaque, the picture is the only reference left.
    - Every further part joins the lung whose centre column is nearer.

    Args:
        min_valley: relative depth in (0, 1) of the valley that separates touching lungs.

    Raises:
        ValueError: when `min_valley` is out of range, or an input is not [1, W, H].
    """

    backend: ClassVar[list[TransformBackends]] = [TransformBackends.NUMPY]

    def __init__(self, *, min_valley: float = 0.2) -> None:
        if not 0 < min_valley < 1:
            raise ValueError(f"SplitLungs: min_valley must lie between 0 and 1, got {min_valley}")
        self.min_valley = min_valley

    def __call__(self, img: NdarrayOrTensor) -> NdarrayOrTensor:
        """Label one mask.

        Args:
            img: binary mask [1, W, H]; non-zero is lung.

        Returns:
            Array of the same kind and shape, uint8: 0 background, 1 right lung, 2 left lung (the patient's sides).
        """
        sides = self._split(mask_array(img != 0, "SplitLungs"))[None]
        dtype = torch.uint8 if isinstance(img, torch.Tensor) else np.uint8
        return convert_to_dst_type(sides, dst=img, dtype=dtype)[0]

    def _split(self, lungs: np.ndarray) -> np.ndarray:
        parts = sorted(regionprops(label(lungs, connectivity=1)), key=lambda part: part.area, reverse=True)
        sides = np.zeros(lungs.shape, dtype=np.uint8)
        if not parts:
            return sides
        largest = np.zeros(lungs.shape, dtype=bool)
        largest[parts[0].slice] = parts[0].image
        joined = self._cut(largest)
        if joined is not None:
            sides = joined
            parts = parts[1:]
            border = (np.nonzero(joined == RIGHT_LUNG)[0].mean() + np.nonzero(joined == LEFT_LUNG)[0].mean()) / 2
        elif len(parts) > 1 and not _stacked(parts[0], parts[1]):
            border = (parts[0].centroid[0] + parts[1].centroid[0]) / 2
        else:
            # One lung: every part goes to the side on which the whole lies.
            whole = np.nonzero(lungs)[0].mean()
            border = np.inf if whole < (lungs.shape[0] - 1) / 2 else -np.inf
        for part in parts:
            window = sides[part.slice]
            window[part.image] = RIGHT_LUNG if part.centroid[0] < border else LEFT_LUNG
        return sides

    def _cut(self, lungs: np.ndarray) -> np.ndarray | None:
        """The label map of two lungs that touch, or None when there is no valley between two crests."""
        profile = lungs.sum(axis=1).astype(float)
        occupied = np.nonzero(profile)[0]
        first, last = occupied[0], occupied[-1] + 1
        smooth = ndimage.uniform_filter1d(profile[first:last], size=max(1, (last - first) // 40), mode="nearest")
        crests = np.minimum(np.maximum.accumulate(smooth), np.maximum.accumulate(smooth[::-1])[::-1])
        depth = 1 - smooth / crests
        # A valley in the outermost twentieth of the area is a ragged edge.
        share = np.cumsum(smooth) / smooth.sum()
        depth[(share < 0.05) | (share > 0.95)] = 0
        if depth.max() < self.min_valley:
            return None
        valley = first + int(depth.argmax())
        distance = ndimage.distance_transform_edt(lungs)
        markers = np.zeros(lungs.shape, dtype=np.int32)
        for columns, side in ((slice(0, valley), RIGHT_LUNG), (slice(valley, None), LEFT_LUNG)):
            core = distance[columns]
            markers[columns][core > 0.6 * core.max()] = side
        return watershed(-distance, markers, mask=lungs).astype(np.uint8)


class SplitLungsd(MapTransform):
    """Dictionary-based version of `SplitLungs`.

    Args:
        keys: keys of the binary masks.
        min_valley: see `SplitLungs`.
        allow_missing_keys: skip keys that the data lacks instead of raising.
    """

    backend = SplitLungs.backend

    def __init__(self, keys: KeysCollection, *, min_valley: float = 0.2, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.splitter = SplitLungs(min_valley=min_valley)

    def __call__(self, data: Mapping[Hashable, NdarrayOrTensor]) -> dict[Hashable, NdarrayOrTensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.splitter(d[key])
        return d


def _stacked(a: Any, b: Any) -> bool:
    """Whether the columns of two regions overlap by more than half of the narrower region."""
    (a0, _, a1, _), (b0, _, b1, _) = a.bbox, b.bbox
    return min(a1, b1) - max(a0, b0) > 0.5 * min(a1 - a0, b1 - b0)


SplitLungsD = SplitLungsDict = SplitLungsd
