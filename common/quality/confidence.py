"""How sure the network is of a lung mask."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from ..metrics.confidence import expected_dice


def lung_confidence(probabilities: torch.Tensor, threshold: float = 0.5) -> float:
    """The Dice that a mask would have on average if the probabilities were true.

    It is :func:`common.metrics.confidence.expected_dice` of the map binarised at the threshold.

    Args:
        probabilities: map of any shape, values in [0, 1], before any clean-up.
        threshold: probability from which a pixel is lung.

    Returns:
        A number in [0, 1]; 0 when no pixel is lung.
    """
    return expected_dice(probabilities, probabilities >= threshold)


class LungConfidenced(MapTransform):
    """Add the :func:`lung_confidence` of a probability map to the data.

    Args:
        keys: key of the map; the confidence of several maps is that of the last.
        name: entry for the number.
        threshold: see :func:`lung_confidence`.
    """

    def __init__(self, keys: KeysCollection, name: str = "confidence", threshold: float = 0.5) -> None:
        super().__init__(keys)
        self.name = name
        self.threshold = threshold

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[self.name] = lung_confidence(torch.as_tensor(d[key]), self.threshold)
        return d
