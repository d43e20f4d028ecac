"""DICOM files that the tests of the archive pass around."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import ComprehensiveSRStorage, SegmentationStorage, generate_uid

from common.data.phantom_files import write_picture
from common.io.dicom_source import MANUFACTURER


def radiograph(path: Path, seed: int = 0, **tags: object) -> Path:
    """A small frontal radiograph of noise, with other tags where they are given."""
    grey = np.random.default_rng(seed).integers(0, 2**16, (72, 64), dtype=np.uint16)
    write_picture(path, grey, pixel=0.2)
    dataset = pydicom.dcmread(path)
    dataset.StudyDate = "20240131"
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path


def result(path: Path, of: Path, **tags: object) -> Path:
    """Something of a result's class, name and identifiers, that belongs to a radiograph."""
    dataset = pydicom.dcmread(of)
    is_report = path.name.endswith(".sr.dcm")
    dataset.SOPClassUID = ComprehensiveSRStorage if is_report else SegmentationStorage
    dataset.Modality = "SR" if is_report else "SEG"
    dataset.Manufacturer, dataset.SeriesDescription, dataset.SeriesNumber = MANUFACTURER, "TB (some 1.0)", 9110
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[path.name, of.name, "series"])
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[path.name, of.name, "instance"])
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def names(folder: Path) -> list[str]:
    """All files below a folder, hidden ones too."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
