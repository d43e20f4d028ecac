"""Cropping to the lungs, the first step of classifying and segmenting tuberculosis."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import Crop, Cropd

from .crop import box_slices, check_same_size
from .lung_mask import lung_box

#: Metadata key: whether the crop followed a lung mask (True) or the mask was empty and the image stayed whole (False).
LUNGS_FOUND = "lungs_found"


class CropToLungs(Crop):
    """Crop an image to the box of its lung mask, enlarged by a margin and clipped to the image.

    The crop is recorded in the applied operations: MONAI's `Invertd` puts a prediction made on the crop back to its
    place in the whole image, pixel for pixel, with zeros outside. With an empty mask the whole image is kept, so that
    one failed segmentation neither stops a run nor hides a film, and the metadata say so (`LUNGS_FOUND`).

    Args:
        margin: enlargement on each side, as a fraction of the box's own width (left and right) and height (up and
            down), rounded to whole pixels. The study this follows (Rajaraman et al., 2021) uses 0.05.
        lazy: see `monai.transforms.Crop`.

    Raises:
        ValueError: when the margin is negative, the mask is not [1, W, H] or of another size than the image.
    """

    def __init__(self, *, margin: float = 0.05, lazy: bool = False) -> None:
        super().__init__(lazy=lazy)
        if margin < 0:
            raise ValueError(f"CropToLungs: margin must not be negative, got {margin}")
        self.margin = margin

    @property
    def requires_current_data(self) -> bool:
        return True

    def compute_box(self, mask: torch.Tensor) -> tuple[int, int, int, int] | None:
        """The box (x, y, w, h) to crop to, in pixels of the mask [1, W, H]; None for an empty mask."""
        box = lung_box(mask)
        if box is None:
            return None
        ranges = []
        for start, size, limit in zip(box[:2], box[2:], mask.shape[1:], strict=True):
            extra = round(self.margin * size)
            ranges.append((max(0, start - extra), min(int(limit), start + size + extra)))
        (x0, x1), (y0, y1) = ranges
        return x0, y0, x1 - x0, y1 - y0

    def __call__(  # type: ignore[override, unused-ignore]
        self, img: torch.Tensor, mask: torch.Tensor, lazy: bool | None = None
    ) -> torch.Tensor:
        """Crop one image [C, W, H] to the lungs of a mask [1, W, H]; returns [C, w, h]."""
        check_same_size("CropToLungs", "image", img, "mask", mask)
        return self.crop(img, self.compute_box(mask), lazy)

    def crop(self, img: torch.Tensor, box: tuple[int, int, int, int] | None, lazy: bool | None) -> torch.Tensor:
        """Crop one image [C, W, H] to a box of `compute_box`; None keeps the whole image."""
        whole = (0, 0, int(img.shape[1]), int(img.shape[2]))
        out = super().__call__(img, slices=box_slices(box or whole), lazy=lazy)
        if isinstance(out, MetaTensor):
            out.meta[LUNGS_FOUND] = box is not None
        return out


class CropToLungsd(Cropd):
    """Dictionary-based version of `CropToLungs`.

    Args:
        keys: keys of the items to crop; name the mask's own key too when it is to be cropped.
        mask_key: key of the lung mask [1, W, H], of the same width and height as the items.
        margin: see `CropToLungs`.
        allow_missing_keys: skip keys that the data lacks instead of raising.
        lazy: see `monai.transforms.Crop`.

    Raises:
        ValueError: when an item and the mask differ in width or height.
    """

    cropper: CropToLungs

    def __init__(
        self,
        keys: KeysCollection,
        mask_key: Hashable,
        *,
        margin: float = 0.05,
        allow_missing_keys: bool = False,
        lazy: bool = False,
    ) -> None:
        cropper = CropToLungs(margin=margin, lazy=lazy)
        super().__init__(keys, cropper=cropper, allow_missing_keys=allow_missing_keys, lazy=lazy)
        self.mask_key = mask_key

    @property
    def requires_current_data(self) -> bool:
        return True

    def __call__(self, data: Mapping[Hashable, torch.Tensor], lazy: bool | None = None) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        mask = d[self.mask_key]
        box = self.cropper.compute_box(mask)
        for key in self.key_iterator(d):
            check_same_size("CropToLungsd", key, d[key], self.mask_key, mask)
            d[key] = self.cropper.crop(d[key], box, lazy)
        return d


CropToLungsD = CropToLungsDict = CropToLungsd
