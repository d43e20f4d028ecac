"""Fixtures of the tests of fusion."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_folder import NAMES, READERS, reading, save


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Three readers of three images in folders of masks."""
    for number, reader in enumerate(READERS):
        for image, name in enumerate(NAMES):
            save(tmp_path / reader / f"{name}.png", reading(image, number))
    return tmp_path
