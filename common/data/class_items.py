"""Training and evaluation items of classification, from a data index."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from .index import DataIndexError, read_index, select

logger = logging.getLogger(__name__)


def class_items(
    dataset_dir: str | Path,
    *,
    labels: str | Sequence[str] = "tb",
    sites: Sequence[str] | None = None,
    split_column: str | None = "cls_split",
    splits: Sequence[str] | None = None,
    limit: int | None = None,
    both_classes: bool = True,
) -> list[dict[str, Any]]:
    """Items of the rows whose class is known.

    An item is ``{"image": path, "label": 0 or 1, "site": name, "group": site and class}``.

    Args:
        dataset_dir: folder with ``index.csv``.
        labels: column of the class, any one of the index with 0, 1 or nothing in it, or several: the first one that
            a row fills counts. ``["abnormal", "tb"]`` tells normal from abnormal radiographs and takes those with TB
            for abnormal.
        sites: values of ``dataset`` to keep; all when empty.
        split_column: column with the split of each row.
        splits: values of ``split_column`` to keep; all when empty.
        limit: keep only so many items, spread evenly over the list; for trying things out.
        both_classes: refuse a selection in which one class is missing.

    Raises:
        DataIndexError: nothing selected, an unknown or absent column, a value other than 0 and 1, one class only, or
            files that the index names and that do not exist.
    """
    root = Path(dataset_dir)
    columns = [labels] if isinstance(labels, str) else list(labels)
    if not columns:
        raise DataIndexError("labels: the column of the class is needed, such as tb, found none")
    table = read_index(root, required=("image", columns[0]))
    unknown = [column for column in columns if column not in table.columns]
    if unknown:
        raise DataIndexError(f"{root / 'index.csv'}: labels: no column {', '.join(unknown)}")
    rows = select(table, sites=sites, split_column=split_column, splits=splits)
    values = _first_filled(rows, columns)
    name = " or ".join(columns)
    wrong = sorted(set(values) - {"", "0", "1"})
    if wrong:
        raise DataIndexError(f"{root / 'index.csv'}: {name} must be 0, 1 or empty, found {', '.join(wrong[:5])}")
    known = rows[values != ""]
    if known.empty:
        raise DataIndexError(f"{root / 'index.csv'}: none of the {len(rows)} selected rows has a value of {name}")
    if len(known) < len(rows):
        logger.info(
            "%d of %d selected rows have no value of %s and are left out", len(rows) - len(known), len(rows), name
        )
    absent = [image for image in known["image"] if not (root / image).is_file()]
    if absent:
        shown = ", ".join(absent[:5]) + (", …" if len(absent) > 5 else "")
        raise DataIndexError(f"{root / 'index.csv'}: {len(absent)} files named there do not exist: {shown}")
    items = [
        {
            "image": str(root / image),
            "label": int(value),
            "site": site,
            "group": f"{site} {value}",
        }
        for image, site, value in zip(known["image"], known["dataset"], values[known.index], strict=True)
    ]
    items = spread(items, limit)
    classes = {item["label"] for item in items}
    if both_classes and len(classes) < 2:
        raise DataIndexError(
            f"{root / 'index.csv'}: all {len(items)} selected images have {name} = {classes.pop()}; "
            "both classes are needed"
        )
    return items


def spread(items: list[dict[str, Any]], limit: int | None) -> list[dict[str, Any]]:
    """At most ``limit`` items, evenly over the list; all of them without a limit."""
    if limit is None or limit >= len(items):
        return items
    step = len(items) / limit
    return [items[int(i * step)] for i in range(limit)]


def _first_filled(rows: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    values = rows[columns[0]].str.strip()
    for column in columns[1:]:
        values = values.where(values != "", rows[column].str.strip())
    # A spreadsheet that met an empty cell writes whole numbers as 1.0.
    return values.str.replace(r"^([01])\.0+$", r"\1", regex=True)
