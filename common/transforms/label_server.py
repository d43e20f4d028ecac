"""The last transforms of a bundle that MONAI Label serves; in any other run they do nothing.

The server (0.8.5, app ``monaibundle``) writes the prediction as it is, whereas a run writes it by ``SaveImaged``, which
the server leaves out, and counts its table in the picture's own axes.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import MetaKeys, PostFix, convert_to_numpy

from ..errors import UsageError
from ..io.source_grid import on_source_grid
from .tb_decision import TB_PROBABILITY

#: Radiographs whose own format is no good for a mask, and the one of the answer when the request names none.
_ANSWERS = {"dicom": ".nii.gz", "jpeg": ".png"}
_EXTENSION = "result_extension"


def in_label_server() -> bool:
    """Whether this process is MONAI Label's server, or one that it started for training."""
    return "monailabel" in sys.modules


class _ServerTransform(MapTransform, ABC):
    """What both transforms share: nothing outside the server, and no answer from random weights."""

    def __init__(
        self, keys: KeysCollection = "pred", image_key: str = "image", weights: str | Path | None = None
    ) -> None:
        super().__init__(keys)
        self.image_key = image_key
        self.weights = weights

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        if in_label_server():
            if self.weights is not None and not Path(self.weights).is_file():
                raise UsageError(f"{self.weights}: no weights there; the server would answer from random ones")
            self._answer(d)
        return d

    @abstractmethod
    def _answer(self, d: dict[Hashable, Any]) -> None:
        """Change the item into what the server writes."""


class OnSourceGridd(_ServerTransform):
    """Lay the mask of a radiograph on the grid of its file, as the server's writer expects it.

    A client then gets a mask that has the size, orientation and, in formats that hold it, geometry of the file it sent.
    Of DICOM files it gets NIfTI and of JPEG files PNG unless the request names another ``result_extension``: a picture
    in DICOM that names no patient is of no use, and JPEG would blur the outline.

    Args:
        keys: masks of 0 and 1 in the geometry of the radiograph, shape [1, W, H] or [W, H].
        image_key: the radiograph, whose metadata are those of :class:`common.io.RadiographReader`.
        weights: file that the network's weights are in; the server goes on with random ones when it is missing.

    Raises:
        UsageError: when used: no file of weights.
    """

    def _answer(self, d: dict[Hashable, Any]) -> None:
        meta = d[self.image_key].meta
        for key in self.key_iterator(d):
            mask = convert_to_numpy(d[key]).astype(np.uint8)
            stored, affine = on_source_grid(mask[0] if mask.ndim == 3 else mask, meta)
            d[key] = MetaTensor(torch.from_numpy(np.ascontiguousarray(stored)), affine=torch.from_numpy(affine))
            # The server resizes what has another shape than the radiograph, and writes the radiograph's affine.
            meta[MetaKeys.SPATIAL_SHAPE] = np.asarray(stored.shape)
            meta[MetaKeys.ORIGINAL_AFFINE] = affine
        if not d.get(_EXTENSION) and meta.get("format") in _ANSWERS:
            d[_EXTENSION] = _ANSWERS[meta["format"]]


class ClassScoresd(_ServerTransform):
    """Put the calibrated probabilities of normal and TB in the place of the logits, as the server answers them.

    The radiograph leaves the item, because the server would resize the two numbers to its size.

    Args:
        keys: the prediction of an item that went through :class:`.DecideTBd`.
        image_key: the radiograph.
        weights: see :class:`OnSourceGridd`.

    Raises:
        UsageError: when used: no file of weights.
    """

    def _answer(self, d: dict[Hashable, Any]) -> None:
        probability = float(d[TB_PROBABILITY])
        for key in self.key_iterator(d):
            d[key] = MetaTensor(torch.tensor([1 - probability, probability]))
        for name in (self.image_key, PostFix.meta(self.image_key)):
            d.pop(name, None)
