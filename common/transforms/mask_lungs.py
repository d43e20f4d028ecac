"""Images of nothing but the lungs, or of everything else, to ask where a classifier gets its answers from."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from skimage.morphology import isotropic_dilation

from ..io import RadiographError
from .crop import check_same_size

KEEP = ("lungs", "outside")


class MaskLungsd(MapTransform):
    """Set everything outside the lungs, or the lungs, to one grey level.

    A classifier that still tells tuberculosis from normal without the lungs reads something else: the apparatus,
    markers, the build of the patient (the check that DeGrave et al., Nat Mach Intell 2021;3:610, and Maguolo and
    Nanni, Inf Fusion 2021;76:1, make on COVID-19). What is hidden has no influence on the result but by the outline
    of the mask, which stays visible, and by the crop; to be put before the stretch of grey levels, which would learn
    from the hidden part.

    Args:
        keys: keys of the images [C, W, H].
        lungs_key: key of the lung mask [1, W, H], of the same width and height.
        keep: "lungs" or "outside", what stays to be seen.
        fill: grey level of the rest; None for the mean of what stays.
        margin: how far the lungs are enlarged on every side first, as a fraction of the image's shorter side. A lung
            mask tends to leave out what is opaque and what touches the chest wall.
        allow_missing_keys: skip keys that the data lacks.

    Raises:
        ValueError: in the constructor: another ``keep``, or a negative margin. When used: sizes that differ.
        RadiographError: when used: no lungs in the mask, or nothing but lungs, so that nothing would be left to see.
    """

    def __init__(
        self,
        keys: KeysCollection,
        lungs_key: Hashable,
        keep: str = "lungs",
        fill: float | None = None,
        margin: float = 0.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if keep not in KEEP:
            raise ValueError(f"keep must be one of {', '.join(KEEP)}, got {keep!r}")
        if margin < 0:
            raise ValueError(f"margin must not be negative, got {margin}")
        self.lungs_key = lungs_key
        self.keep = keep
        self.fill = fill
        self.margin = margin

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        mask = d[self.lungs_key]
        lungs = torch.as_tensor(mask.detach().cpu().numpy()[0] > 0)
        if self.margin and lungs.any():
            radius = self.margin * min(lungs.shape)
            lungs = torch.as_tensor(isotropic_dilation(lungs.numpy(), radius))
        shown = lungs if self.keep == "lungs" else ~lungs
        for key in self.key_iterator(d):
            check_same_size("MaskLungsd", key, d[key], self.lungs_key, mask)
            if not lungs.any():
                raise _nothing_left(d[key], "no lungs were found, which could be told from the rest")
            if lungs.all():
                raise _nothing_left(d[key], "the lungs fill the image, so that there is no rest")
            image = d[key].clone()
            level = float(image[:, shown].float().mean()) if self.fill is None else self.fill
            image[:, ~shown] = level
            d[key] = image
        return d


def _nothing_left(image: torch.Tensor, found: str) -> RadiographError:
    path = getattr(image, "meta", {}).get("filename_or_obj", "image")
    return RadiographError.refuse(path, found, "images with lungs that do not fill them")


MaskLungsD = MaskLungsDict = MaskLungsd
