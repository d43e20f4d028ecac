"""Training and evaluation items of lung segmentation, from a data index."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from .class_items import spread
from .index import DataIndexError, read_index, select

logger = logging.getLogger(__name__)


def mask_columns(row: pd.Series) -> list[str]:
    """Paths of the mask files of one row: the mask of both lungs, or the right and the left one; empty when none."""
    if row["lung_mask"]:
        return [row["lung_mask"]]
    if row["left_lung_mask"] and row["right_lung_mask"]:
        return [row["right_lung_mask"], row["left_lung_mask"]]
    return []


def lung_items(
    dataset_dir: str | Path,
    *,
    sites: Sequence[str] | None = None,
    split_column: str | None = "seg_split",
    splits: Sequence[str] | None = None,
    limit: int | None = None,
    require_files: bool = True,
) -> list[dict[str, Any]]:
    """Items ``{"image": path, "label": [mask paths], "site": name}`` of the rows that have lung masks.

    Args:
        dataset_dir: folder with ``index.csv``.
        sites: values of ``dataset`` to keep; all when empty.
        split_column: column with the split of each row.
        splits: values of ``split_column`` to keep; all when empty.
        limit: keep only so many items, spread evenly over the list; for trying things out.
        require_files: refuse an index that names files that do not exist. An evaluation, which lists what it could
            not read and measures the rest, asks for one image at least.

    Raises:
        DataIndexError: nothing selected, or files that the index names and that do not exist.
    """
    root = Path(dataset_dir)
    rows = select(read_index(root), sites=sites, split_column=split_column, splits=splits)
    items: list[dict[str, Any]] = []
    absent: list[str] = []
    without_mask = 0
    for _, row in rows.iterrows():
        masks = mask_columns(row)
        if not masks:
            without_mask += 1
            continue
        absent += [name for name in (row["image"], *masks) if not (root / name).is_file()]
        items.append(
            {"image": str(root / row["image"]), "label": [str(root / name) for name in masks], "site": row["dataset"]}
        )
    if absent and (require_files or not any(Path(item["image"]).is_file() for item in items)):
        shown = ", ".join(absent[:5]) + (", …" if len(absent) > 5 else "")
        raise DataIndexError(f"{root / 'index.csv'}: {len(absent)} files named there do not exist: {shown}")
    if not items:
        raise DataIndexError(f"{root / 'index.csv'}: none of the {len(rows)} selected rows has a lung mask")
    if without_mask:
        logger.info("%d of %d selected rows have no lung mask and are left out", without_mask, len(rows))
    return spread(items, limit)
