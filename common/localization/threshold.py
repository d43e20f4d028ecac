"""Evidence map to binary mask."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.transforms import MapTransform, Transform
from monai.utils import convert_to_dst_type, convert_to_numpy
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from ..errors import UsageError

#: Rules, and the values that each accepts; Otsu's finds its own.
RULES = {"fraction": (0.0, 1.0), "percentile": (0.0, 100.0), "otsu": None, "value": (-np.inf, np.inf)}


def check_rule(rule: str, value: float | None) -> float:
    """The value, 0 where the rule needs none; raises a :class:`UsageError` unless the rule exists and it suits it."""
    if rule not in RULES:
        raise UsageError(f"threshold rule {rule!r}: choose one of {', '.join(RULES)}")
    limits = RULES[rule]
    if limits is None:
        return 0.0
    if value is None or not limits[0] <= value <= limits[1]:
        raise UsageError(f"threshold rule {rule!r} needs a value from {limits[0]:g} to {limits[1]:g}, got {value}")
    return value


def binarise(evidence: NDArray[Any], rule: str = "fraction", value: float | None = 0.2) -> NDArray[np.bool_]:
    """Where the evidence is strong.

    Args:
        evidence: map of any shape.
        rule: ``fraction``: at least ``value`` times the maximum; ``percentile``: more than that percentile of the
            map; ``otsu``: more than Otsu's threshold (1979); ``value``: at least ``value``.
        value: see ``rule``. Kim et al., Diagnostics 2019, blank a map below 0.2 of its maximum.

    Returns:
        Mask of the same shape. A constant map has no strong place under the first three rules: empty.

    Raises:
        UsageError: an unknown rule, or a value that does not suit it.
        ValueError: values that are not finite.
    """
    level = check_rule(rule, value)
    low, high = float(evidence.min()), float(evidence.max())
    if not np.isfinite([low, high]).all():
        raise ValueError(f"an evidence map from {low} to {high}: all values must be finite")
    if rule == "value":
        return evidence >= level
    if low == high or (rule == "fraction" and high <= 0):
        return np.zeros(evidence.shape, dtype=bool)
    if rule == "fraction":
        return evidence >= level * high
    return evidence > (threshold_otsu(evidence) if rule == "otsu" else np.percentile(evidence, level))


def map_array(evidence: NdarrayOrTensor, name: str) -> NDArray[np.float32]:
    """A map [1, W, H] as an array [W, H]; raises a ValueError for another shape."""
    if evidence.ndim != 3 or evidence.shape[0] != 1:
        raise ValueError(f"{name}: expected a map of shape [1, W, H], got {tuple(evidence.shape)}")
    return convert_to_numpy(evidence)[0].astype(np.float32, copy=False)


class BinariseEvidence(Transform):
    """Binary mask of the strong places of an evidence map [1, W, H].

    Args:
        rule: see :func:`binarise`.
        value: see :func:`binarise`.

    Raises:
        UsageError: an unknown rule, or a value that does not suit it.
    """

    def __init__(self, rule: str = "fraction", value: float | None = 0.2) -> None:
        check_rule(rule, value)
        self.rule = rule
        self.value = value

    def __call__(self, img: NdarrayOrTensor) -> NdarrayOrTensor:
        """The mask, 0 and 1, of the map's type and shape; a MetaTensor keeps its metadata."""
        mask = binarise(map_array(img, "BinariseEvidence"), self.rule, self.value)[None]
        return convert_to_dst_type(mask, img, dtype=np.uint8)[0]


class BinariseEvidenced(MapTransform):
    """Dictionary-based version of :class:`BinariseEvidence`.

    Args:
        keys: keys of the maps.
        rule: see :func:`binarise`.
        value: see :func:`binarise`.
        allow_missing_keys: skip keys that the data lacks.
    """

    def __init__(
        self,
        keys: KeysCollection,
        rule: str = "fraction",
        value: float | None = 0.2,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.binarise = BinariseEvidence(rule, value)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, NdarrayOrTensor]:
        d: dict[Hashable, NdarrayOrTensor] = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.binarise(d[key])
        return d


BinariseEvidenceD = BinariseEvidenceDict = BinariseEvidenced
