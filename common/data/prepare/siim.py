"""SIIM-ACR Pneumothorax Segmentation 2019: DICOM radiographs with run-length masks.

Original layout: ``dicom-images-train/STUDY/SERIES/IMAGE.dcm`` (1024 x 1024, 8 bits, baseline JPEG) and
``train-rle.csv``, or ``stage_2_train.csv``, which also covers the test images of the first stage; where both are there
it alone counts.
The tables have the columns ``ImageId`` (in the first one ``EncodedPixels`` is written with a space in front) and
``EncodedPixels``, one row a drawn region, -1 for an image without pneumothorax.

The radiographs come from NIH ChestX-ray14: train on one and test on the other only after ``check``. An image without
pneumothorax may show any other finding, so that ``abnormal`` stays empty there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

from .base import Inventory, PrepareError, Record, Source
from .files import by_name, walk
from .readings import parse_age, parse_sex

#: Tables of annotations, the later release first. Sample submissions look the same, and call every image healthy.
TABLES = ("stage_2_train.csv", "train-rle.csv")
EMPTY = "-1"

_TAGS = ["PatientID", "PatientSex", "PatientAge"]


@dataclass(frozen=True)
class RunLengthRecord(Record):
    """One image whose mask is text.

    Attributes:
        runs: encoded regions, which are united; none means an empty mask.
    """

    runs: tuple[str, ...] = ()


def decode_runs(text: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask from its relative run-length code.

    Args:
        text: pairs of numbers: pixels from the end of the run before (at first, from the first pixel) to the start of
            this one, and its length. Pixels count down the columns, from the left column to the right one.
        shape: rows and columns.

    Returns:
        Shape (rows, columns).

    Raises:
        PrepareError: no pairs of numbers, or a run that leaves the image.
    """
    try:
        numbers = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        numbers = np.empty(0, dtype=np.int64)
    if not len(numbers) or len(numbers) % 2 or (numbers < 0).any():
        raise PrepareError(f"not a run-length code: {text[:40]!r}; pairs of gap and length, or -1, are needed")
    ends = numbers.cumsum()
    if ends[-1] > shape[0] * shape[1]:
        raise PrepareError(f"a run-length code of {ends[-1]} pixels for an image of {shape[1]} x {shape[0]}")
    # The code tells where the mask changes: outside in the gaps, inside in the runs.
    inside = np.tile([False, True], len(numbers) // 2)
    rest = shape[0] * shape[1] - ends[-1]
    return np.repeat([*inside, False], [*numbers, rest]).reshape(shape[1], shape[0]).T


def run_length_masks(record: Record, image: NDArray[np.floating]) -> dict[str, NDArray[np.bool_]]:
    """The mask of an image, in its own grid."""
    assert isinstance(record, RunLengthRecord)
    mask = np.zeros(image.shape, dtype=np.bool_)
    for text in record.runs:
        mask |= decode_runs(text, (image.shape[0], image.shape[1]))
    return {"lesion_mask": mask}


def find_siim(root: Path) -> Inventory:
    """Images with annotations.

    Raises:
        PrepareError: no table of annotations below ``root``, one without its columns, or none of its images.
    """
    files = list(walk(root))
    annotations = read_annotations(files, root)
    images = by_name(files, r"([\d.]+)\.dcm")
    records: list[Record] = []
    notes = []
    for name in sorted(set(images) & set(annotations)):
        codes = annotations[name]
        runs = tuple(code for code in codes if code != EMPTY)
        if runs and len(runs) < len(codes):
            notes.append(f"{name}: annotated as empty and as not; taken as not empty")
        found = {"pneumothorax": "1", "abnormal": "1", "findings": "pneumothorax"} if runs else {"pneumothorax": "0"}
        records.append(
            RunLengthRecord(name=name, image=images[name], values={**_header(images[name]), **found}, runs=runs)
        )
    if not records:
        raise PrepareError(f"{root}: none of the {len(annotations)} annotated images; expected files IMAGE_ID.dcm")
    absent, spare = len(set(annotations) - set(images)), len(set(images) - set(annotations))
    notes += [f"{absent} annotated images are not there"] * bool(absent)
    notes += [f"{spare} images have no annotation and are left out"] * bool(spare)
    return Inventory(records=records, notes=notes)


def read_annotations(files: Iterable[Path], root: Path) -> dict[str, list[str]]:
    """Codes by image, of the latest table.

    Raises:
        PrepareError: see :func:`find_siim`.
    """
    tables = by_name(files, rf"({'|'.join(name.replace('.', '[.]') for name in TABLES)})")
    path = next((tables[name.upper()] for name in TABLES if name.upper() in tables), None)
    if path is None:
        raise PrepareError(f"{root}: no SIIM-ACR annotations; expected {' or '.join(TABLES)}")
    codes: dict[str, list[str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        table = csv.DictReader(stream, skipinitialspace=True)
        columns = {name.strip(): name for name in table.fieldnames or ()}
        if not {"ImageId", "EncodedPixels"} <= set(columns):
            raise PrepareError(f"{path}: columns ImageId and EncodedPixels are needed, found {', '.join(columns)}")
        for row in table:
            code = " ".join((row[columns["EncodedPixels"]] or "").split())
            codes.setdefault((row[columns["ImageId"]] or "").strip(), []).append(code)
    return codes


def _header(path: Path) -> dict[str, str]:
    try:
        tags = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
        return {
            "patient_id": str(tags.get("PatientID", "")).strip(),
            "sex": parse_sex(str(tags.get("PatientSex", ""))),
            "age": parse_age(str(tags.get("PatientAge", ""))),
        }
    except Exception:  # whatever is wrong with the file, the conversion will meet it and say so
        return {}


SIIM = Source(
    name="siim",
    title="SIIM-ACR pneumothorax, 12,047 annotated images, lesion masks",
    find=find_siim,
    read_masks=run_length_masks,
    mask_folders={"lesion_mask": "lesion_masks"},
)
