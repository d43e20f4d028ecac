"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cxr_data() -> Path:
    """The folder of real radiographs, named by CXR_DATA; the test is skipped where there is none."""
    folder = os.environ.get("CXR_DATA")
    if not folder:
        pytest.skip("real radiographs not available: set CXR_DATA to a folder with index.csv")
    path = Path(folder)
    if not (path / "index.csv").is_file():
        pytest.fail(f"CXR_DATA is set to {path}, which holds no index.csv")
    return path
