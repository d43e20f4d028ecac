"""Phantoms, and the reference that is fitted to them."""

from __future__ import annotations

import numpy as np
import pytest
from quality_views import phantom, view_of

from common.quality import QualityReference, View, fit_reference


@pytest.fixture(scope="session")
def phantoms() -> list[tuple[np.ndarray, np.ndarray]]:
    """Seventy phantoms."""
    return [phantom(seed) for seed in range(70)]


@pytest.fixture(scope="session")
def views(phantoms: list[tuple[np.ndarray, np.ndarray]]) -> list[View]:
    """Their views; the confidences are 0.95, 0.9505, ..."""
    return [view_of(*pair, confidence=0.95 + 0.0005 * index) for index, pair in enumerate(phantoms)]


@pytest.fixture(scope="session")
def reference(views: list[View]) -> QualityReference:
    """What is fitted to the first forty as training list and the next ten as validation list."""
    return fit_reference(views[:40], views[40:50], {"weights_sha256": "none", "train": 40, "val": 10})
