"""Checks that need nothing but the index: columns, values, boxes, patients."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from .findings import Finding, Severity
from .index import COLUMNS
from .lesion_boxes import TOLERANCE
from .overlap import foreign_origin
from .patients import patient_keys

#: Columns that divide the rows.
SPLIT_COLUMNS = ("seg_split", "cls_split", "det_split")

_ALLOWED = {"sex": ("M", "F"), "tb": ("0", "1"), "abnormal": ("0", "1")}
_SPLITS = ("train", "val", "test")
_BOX_LABELS = ("active", "latent")
_MAX_AGE = 120.0
# From mammography detectors to a large film squashed to 64 pixels.
_SPACING = (0.02, 8.0)


def check_columns(table: pd.DataFrame) -> Iterator[Finding]:
    """Columns outside the data contract."""
    for name in table.columns:
        if name not in COLUMNS:
            yield Finding("warning", "unknown_column", "", (), f"column {name} is not one of {', '.join(COLUMNS)}")


def check_values(table: pd.DataFrame) -> Iterator[Finding]:
    """Values out of range, rows that occur twice, paths that leave the folder, images of another collection."""
    for _, row in table.iterrows():
        for name, allowed in _ALLOWED.items():
            if row[name] not in ("", *allowed):
                yield _of(row, "error", "label", f"{name} is {row[name]!r}; expected {', '.join(allowed)} or nothing")
        for name in SPLIT_COLUMNS:
            if row[name] not in ("", *_SPLITS) and not row[name].isdigit():
                message = f"{name} is {row[name]!r}; expected {', '.join(_SPLITS)}, the number of a fold or nothing"
                yield _of(row, "error", "split_name", message)
        yield from _check_age(row)
        for name in ("spacing_x", "spacing_y"):
            value = _number(row[name])
            if row[name] and (value is None or not _SPACING[0] <= value <= _SPACING[1]):
                message = f"{name} is {row[name]!r}; expected mm a pixel between {_SPACING[0]} and {_SPACING[1]}"
                yield _of(row, "error", "spacing", message)
        path = PurePosixPath(row["image"].replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            yield _of(row, "warning", "path", "the path leaves the data folder, which cannot be moved as a whole then")
        origin = foreign_origin(row["image"])
        if origin and row["dataset"] and origin != row["dataset"]:
            message = f"named like an image of {origin} but listed under {row['dataset']}: one of the two is a copy"
            yield _of(row, "error", "foreign_image", message)
    for image, rows in table[table["image"] != ""].groupby("image", sort=False):
        if len(rows) > 1:
            yield _of(rows.iloc[0], "error", "duplicate_row", f"{len(rows)} rows for {image}")


def check_boxes(row: pd.Series, width: int, height: int) -> Iterator[Finding]:
    """Boxes that are no boxes, empty, or not inside the image.

    Args:
        row: row of the index.
        width: columns of the image, 0 when unknown.
        height: rows of the image, 0 when unknown.
    """
    if not row["boxes"]:
        return
    try:
        boxes = json.loads(row["boxes"])
        entries = [(entry["label"], [float(value) for value in entry["xywh"]]) for entry in boxes]
    except (ValueError, TypeError, KeyError) as problem:
        expected = '[{"label": "active", "xywh": [x, y, w, h]}]'
        message = f"boxes cannot be read ({problem}); expected JSON such as {expected}"
        yield _of(row, "error", "box_format", message)
        return
    if not entries and row["tb"] == "1":
        yield _of(row, "warning", "box_missing", "tb is 1 and the list of boxes empty; it does not train lesions")
    for label, xywh in entries:
        if label not in _BOX_LABELS:
            yield _of(row, "warning", "box_label", f"box label {label!r}; expected {' or '.join(_BOX_LABELS)}")
        if len(xywh) != 4 or not all(math.isfinite(value) for value in xywh):
            yield _of(row, "error", "box_format", f"box {xywh}; expected four numbers x, y, width, height")
            continue
        x, y, w, h = xywh
        if w <= 0 or h <= 0:
            yield _of(row, "error", "box_empty", f"box {xywh} has no area")
        elif width and (min(x, y) < -TOLERANCE or x + w > width + TOLERANCE or y + h > height + TOLERANCE):
            yield _of(row, "error", "box_outside", f"box {xywh} (x, y, w, h) leaves the image of {width} x {height}")


def check_patients(table: pd.DataFrame) -> Iterator[Finding]:
    """Patients whose images lie in two splits of one column."""
    keys = patient_keys(table)
    for column in SPLIT_COLUMNS:
        used = table[table[column] != ""]
        for key, rows in used.groupby(keys.loc[used.index], sort=False):
            splits = sorted(set(rows[column]))
            if len(splits) > 1:
                message = f"patient {key} is in {' and '.join(splits)} of {column}"
                yield Finding("error", "patient_in_two_splits", rows["dataset"].iloc[0], tuple(rows["image"]), message)


def _check_age(row: pd.Series) -> Iterator[Finding]:
    if not row["age"]:
        return
    age = _number(row["age"])
    if age is None or not 0 <= age <= _MAX_AGE:
        yield _of(row, "error", "age", f"age is {row['age']!r}; expected years between 0 and {_MAX_AGE:.0f} or nothing")
    elif age == 0:
        yield _of(row, "warning", "age", "age is 0, which in some collections stands for unknown; leave it empty then")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _of(row: Any, severity: Severity, kind: str, message: str) -> Finding:
    return Finding(severity, kind, row["dataset"], (row["image"],), message)
