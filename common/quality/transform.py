"""The rules as a step of post-processing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from monai.transforms import Transform

from .reference import QualityReference
from .rules import assess
from .view import view


class AssessQualityd(Transform):
    """Add the :class:`Quality` of a radiograph to the data.

    Its place is after the clean-up of the lung map and before ``Invertd``: on what the network saw and found.

    Args:
        image_key: key of the image that the network saw, [1, W, H].
        lungs_key: key of the lung probabilities after clean-up, [1, W, H].
        reference: file of `QualityReference`.
        confidence_key: key of the number of `LungConfidenced`.
        name: entry for the result.
        threshold: probability from which a pixel is lung.

    Raises:
        QualityReferenceError: no such file, or not a reference.
    """

    def __init__(
        self,
        image_key: Hashable,
        lungs_key: Hashable,
        reference: str | Path,
        confidence_key: Hashable = "confidence",
        name: Hashable = "quality",
        threshold: float = 0.5,
    ) -> None:
        self.image_key = image_key
        self.lungs_key = lungs_key
        self.reference = QualityReference.load(reference)
        self.confidence_key = confidence_key
        self.name = name
        self.threshold = threshold

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        seen = view(data[self.image_key], data[self.lungs_key], data[self.confidence_key], self.threshold)
        return {**data, self.name: assess(seen, self.reference)}
