"""Validation of a data folder before anybody trains on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from .check_rows import SPLIT_COLUMNS, check_boxes, check_columns, check_patients, check_values
from .findings import Finding
from .index import read_index
from .overlap import MAX_DISTANCE, Overlap, find_overlaps
from .patients import patient_keys
from .scan import ImageFacts, MaskFacts, readable, scan

_EXPECTED_PIECES = {"lung_mask": 2, "left_lung_mask": 1, "right_lung_mask": 1}


def check_folder(
    dataset_dir: str | Path,
    *,
    processes: int = 1,
    max_distance: int = MAX_DISTANCE,
    progress: bool = True,
) -> list[Finding]:
    """Everything that is wrong with a data folder.

    Args:
        dataset_dir: folder with ``index.csv``.
        processes: worker processes that read the files.
        max_distance: see :func:`common.data.overlap.find_overlaps`.
        progress: whether to draw progress bars.

    Returns:
        Findings in the order of the index; empty when nothing is wrong.

    Raises:
        DataIndexError: no index that could be checked. A bad row or file is a finding and never an exception.
    """
    root = Path(dataset_dir)
    table = read_index(root)
    facts = scan(root, table, processes=processes, progress=progress)
    findings = [*check_columns(table), *check_values(table), *check_patients(table)]
    for (_, row), item in zip(table.iterrows(), facts, strict=True):
        findings += check_files(row, item)
        findings += check_boxes(row, item.width, item.height)
    findings += check_copies(table, facts, max_distance=max_distance)
    return findings


def check_files(row: pd.Series, facts: ImageFacts) -> Iterator[Finding]:
    """Findings about the image and the masks of one row."""

    def error(kind: str, message: str) -> Finding:
        return Finding("error", kind, row["dataset"], (row["image"],), message)

    if facts.error:
        yield error("image", facts.error)
    for column, mask in facts.masks.items():
        name = row[column]
        if mask.error:
            yield error("mask", mask.error)
            continue
        if facts.width and (mask.width, mask.height) != (facts.width, facts.height):
            sizes = f"{mask.width} x {mask.height}, its image {facts.width} x {facts.height}"
            yield error("mask_size", f"{name} has {sizes} pixels")
        if mask.levels > 2:
            yield error("mask_levels", f"{name} holds {mask.levels} different values; a mask has two")
        if mask.area == 0 or mask.levels < 2:
            yield error("mask_empty", f"{name} holds one value only")
            continue
        yield from _check_shape(row, column, mask)
    left, right = (facts.masks.get(column) for column in ("left_lung_mask", "right_lung_mask"))
    if left is not None and right is not None and left.centre_x < right.centre_x:
        message = "the mask of the patient's left lung lies on the picture's left, that of the right lung on its right"
        yield error("sides_swapped", message)


def _check_shape(row: pd.Series, column: str, mask: MaskFacts) -> Iterator[Finding]:
    if mask.pieces > _EXPECTED_PIECES[column]:
        specks = f" and {mask.specks} specks" if mask.specks else ""
        message = f"{row[column]} is in {mask.pieces} pieces{specks}; expected {_EXPECTED_PIECES[column]}"
        yield Finding("warning", "mask_pieces", row["dataset"], (row["image"],), message)
    if mask.contrast > 0:
        message = f"{row[column]} is brighter than its surroundings: inverted image, or the mask of another one"
        yield Finding("warning", "mask_bright", row["dataset"], (row["image"],), message)


def check_copies(
    table: pd.DataFrame, facts: Sequence[ImageFacts], *, max_distance: int = MAX_DISTANCE
) -> Iterator[Finding]:
    """Pictures that occur twice, and films so similar that they probably show one patient.

    Args:
        table: the index.
        facts: of its rows.
        max_distance: see :func:`common.data.overlap.find_overlaps`.
    """
    usable = readable(facts)
    signatures = [item.signature for item in facts if item.signature is not None]
    keys = patient_keys(table).tolist()
    for overlap in find_overlaps(signatures, max_distance=max_distance):
        i, j = usable[overlap.first], usable[overlap.second]
        first, second = table.iloc[i], table.iloc[j]
        if first["image"] == second["image"]:
            continue  # a duplicate row, reported as such
        yield from _judge(first, second, overlap, known_patient=keys[i] == keys[j])


def _judge(first: pd.Series, second: pd.Series, overlap: Overlap, *, known_patient: bool) -> Iterator[Finding]:
    images = (first["image"], second["image"])
    apart = [
        f"{first[column]} and {second[column]} of {column}"
        for column in SPLIT_COLUMNS
        if first[column] and second[column] and first[column] != second[column]
    ]
    places = f" in {', '.join(apart)}" if apart else ""
    degree = "pixel for pixel" if overlap.kind == "identical" else f"correlation {overlap.correlation:.2f}"
    if overlap.kind == "similar":
        # A patient in two splits is an error of its own when the index knows that it is one patient.
        if apart and not known_patient:
            message = f"so similar ({degree}) that they probably show one patient{places}"
            yield Finding("warning", "probably_one_patient", first["dataset"], images, message)
    elif first["dataset"] != second["dataset"]:
        message = f"the same picture ({degree}) under {first['dataset']} and {second['dataset']}{places}"
        yield Finding("error", "same_picture_two_sites", first["dataset"], images, message)
    elif apart:
        message = f"the same picture ({degree}){places}"
        yield Finding("error", "same_picture_two_splits", first["dataset"], images, message)
    else:
        yield Finding("warning", "same_picture", first["dataset"], images, f"the same picture ({degree}) twice")
