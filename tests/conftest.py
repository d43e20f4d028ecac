"""Fixtures that all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
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


@pytest.fixture(autouse=True)
def _without_handler_of_ended_children() -> Iterator[None]:
    """A data loader with workers leaves a handler of SIGCHLD behind for good.

    Processes that had run many tests died of it when a child process of a later test ended.
    """
    yield
    if callable(signal.getsignal(signal.SIGCHLD)):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
