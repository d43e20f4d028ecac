"""Items of modality-specific pretraining: normal against abnormal radiographs of several sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .class_items import class_items, spread
from .index import DataIndexError, read_index, select
from .splitting import split_by_patient


def pretraining_items(
    dataset_dir: str | Path,
    *,
    lists: Mapping[str, str | None],
    part: str,
    labels: Sequence[str] = ("abnormal", "tb"),
    share: float = 0.15,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Items of one part of several sites, each with its own lists.

    Sites with published lists keep to them, so that nothing that a later stage validates or tests on is seen here. Of
    a site without lists, a share of the patients validates (:func:`common.data.splitting.split_by_patient`).

    Args:
        dataset_dir: folder with ``index.csv``.
        lists: for each site (values of ``dataset``) the column that holds its split; null where it has none.
        part: "train" or "val".
        labels: see :func:`class_items`; the default takes TB for abnormal.
        share: of the patients of sites without lists, for "val".
        limit: see :func:`class_items`.

    Raises:
        DataIndexError: see :func:`class_items`; or another part.
    """
    if part not in ("train", "val"):
        raise DataIndexError(f"part: train or val is needed, found {part}")
    items: list[dict[str, Any]] = []
    for site, column in lists.items():
        splits = None if column is None else [part]
        found = class_items(
            dataset_dir, labels=labels, sites=[site], split_column=column, splits=splits, both_classes=False
        )
        if column is None:
            chosen = _part_of_patients(Path(dataset_dir), site, part, share)
            found = [item for item in found if item["image"] in chosen]
        items += found
    if len({item["label"] for item in items}) < 2:
        raise DataIndexError(f"{part}: the {len(items)} images of {', '.join(lists)} are all of one class")
    return spread(items, limit)


def _part_of_patients(root: Path, site: str, part: str, share: float) -> set[str]:
    rows = select(read_index(root), sites=[site])
    parts = split_by_patient(rows, {"train": 1 - share, "val": share}, strata=("tb", "abnormal"))
    return {str(root / image) for image in rows.loc[parts == part, "image"]}
