"""Radiographs to put into an archive."""

from __future__ import annotations

from pathlib import Path

import pydicom
from archive_files import radiograph


def study_of(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID)


def radiographs(folder: Path, count: int) -> list[Path]:
    """Radiographs in the order in which they are fetched."""
    return sorted((radiograph(folder / f"{number}.dcm", number) for number in range(count)), key=study_of)
