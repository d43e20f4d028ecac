"""Label files to one binary mask."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor

from ..errors import UsageError


class UniteMasks(Transform):
    """Unite the channels of a mask image.

    Several files of one subject (right and left lung) load as channels; any non-zero pixel is foreground.

    Shape:
        input [C, W, H] of any number type; output [1, W, H], float32, 0 or 1.
    """

    backend = (TransformBackends.TORCH,)

    def __call__(self, mask: NdarrayOrTensor) -> torch.Tensor:
        tensor = convert_to_tensor(mask, track_meta=True)
        return (tensor != 0).any(dim=0, keepdim=True).float()


class UniteMasksd(MapTransform):
    """Dictionary version of :class:`UniteMasks`; also checks that mask and image belong together.

    Args:
        keys: keys of the masks.
        reference: key of the image whose size the masks must have; None for no check.
        allow_missing_keys: skip keys that an item lacks.

    Raises:
        UsageError: mask and image differ in size; the message names the files.
    """

    backend = UniteMasks.backend

    def __init__(self, keys: KeysCollection, reference: str | None = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.reference = reference
        self.unite = UniteMasks()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            mask = self.unite(d[key])
            if self.reference is not None and mask.shape[1:] != d[self.reference].shape[1:]:
                image = d[self.reference]
                raise UsageError(
                    f"{_name(d[key])}: the mask has {_size(mask)} pixels, its image {_name(image)} has {_size(image)}"
                )
            d[key] = mask
        return d


def _size(tensor: torch.Tensor) -> str:
    return " x ".join(str(side) for side in tensor.shape[1:])


def _name(tensor: Any) -> str:
    return str(getattr(tensor, "meta", {}).get("filename_or_obj", "array"))


UniteMasksD = UniteMasksDict = UniteMasksd
