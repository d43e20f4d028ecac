"""Training and evaluation items of lesion segmentation, from a data index."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .class_items import class_items, spread
from .index import INDEX_NAME, DataIndexError, read_index, select
from .lesion_boxes import image_size, lesion_boxes
from .patients import patient_keys

logger = logging.getLogger(__name__)

#: Values of an item's ``source``: what its boxes are.
BOXES, WEAK, NORMAL = "boxes", "weak", "normal"

_SHOWN = 5


def lesion_items(
    dataset_dir: str | Path,
    *,
    sites: Sequence[str] | None = None,
    split_column: str | None = None,
    splits: Sequence[str] | None = None,
    limit: int | None = None,
    classes: Sequence[str] | Mapping[str, int] | None = None,
) -> list[dict[str, Any]]:
    """Items of the rows that have lesion boxes.

    An item is that of :func:`lesion_item` with the source ``boxes``. A row whose list of boxes is empty (tb1199 of
    TBX11K) shows TB that nobody drew: it would train as an empty mask and is left out. Images without lesions come from
    :func:`lesion_normals`.

    Args:
        dataset_dir: folder with ``index.csv``.
        sites: values of ``dataset`` to keep; all when empty.
        split_column: column with the split of each row.
        splits: values of ``split_column`` to keep; all when empty.
        limit: keep only so many items, spread evenly over the list; for trying things out.
        classes: labels in the order of the mask's channels, or the channel of each label; by default all labels are
            one class.

    Raises:
        DataIndexError: nothing selected, an unknown or absent column, a label that ``classes`` lacks, boxes that cannot
            be read or lie outside their image, or files that the index names and that do not exist.
        RadiographError: an image with boxes that cannot be read.
    """
    root = Path(dataset_dir)
    table = read_index(root, required=("image", "boxes"))
    rows = select(table, sites=sites, split_column=split_column, splits=splits)
    drawn = rows[rows["boxes"].str.strip() != ""]
    refuse_absent(root, drawn["image"])
    patients = patient_keys(table)
    items, empty, problems = [], [], []
    for position, row in drawn.iterrows():
        try:
            labels, boxes = lesion_boxes(row["boxes"], image_size(root / row["image"]))
            numbers = class_numbers(labels, classes)
        except ValueError as error:
            problems.append(f"{row['image']}: {error}")
            continue
        if not labels:
            empty.append(row["image"])
            continue
        items.append(
            lesion_item(
                root, row["image"], row["dataset"], "+".join(sorted(set(labels))), patients[position], boxes, numbers
            )
        )
    if problems:
        raise DataIndexError(f"{root / INDEX_NAME}: {listed(problems, separator='; ')}")
    if empty:
        logger.warning("%d images with an empty list of boxes are left out: %s", len(empty), listed(empty))
    if not items:
        raise DataIndexError(f"{root / INDEX_NAME}: none of the {len(rows)} selected rows has lesion boxes")
    if len(drawn) < len(rows):
        logger.info("%d of %d selected rows have no boxes and are left out", len(rows) - len(drawn), len(rows))
    return spread(items, limit)


def lesion_normals(
    dataset_dir: str | Path,
    *,
    sites: Sequence[str] | None = None,
    split_column: str | None = None,
    splits: Sequence[str] | None = None,
    limit: int | None = None,
    count: int | None = None,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Items without boxes, source ``normal``, of the rows with ``tb`` 0: their masks are empty.

    Args:
        dataset_dir: folder with ``index.csv``.
        sites: values of ``dataset`` to keep; all when empty.
        split_column: column with the split of each row.
        splits: values of ``split_column`` to keep; all when empty.
        limit: keep only so many items, spread evenly over the list; for trying things out.
        count: draw so many of them at random; all by default.
        seed: of this draw.

    Raises:
        DataIndexError: see :func:`common.data.class_items`; fewer than ``count`` such rows, or none.
    """
    root = Path(dataset_dir)
    found = class_items(root, sites=sites, split_column=split_column, splits=splits, both_classes=False)
    normals = [item for item in found if item["label"] == 0]
    if len(normals) < (1 if count is None else count):
        wanted = "" if count is None else f", {count} are asked for"
        raise DataIndexError(f"{root / INDEX_NAME}: {len(normals)} of the selected rows have tb = 0{wanted}")
    if count is not None:
        drawn = np.random.default_rng(seed).choice(len(normals), size=count, replace=False)
        normals = [normals[index] for index in sorted(drawn)]
    table = read_index(root)
    patients = dict(zip(table["image"], patient_keys(table), strict=True))
    none = np.zeros((0, 4), dtype=np.float32)
    items = []
    for item in normals:
        name = name_below(root, item["image"])
        items.append(lesion_item(root, name, item["site"], NORMAL, patients[name], none, [], source=NORMAL))
    return spread(items, limit)


def lesion_item(
    root: Path,
    name: str,
    site: str,
    kind: str,
    patient: str,
    boxes: NDArray[np.float32],
    classes: Sequence[int],
    *,
    source: str = BOXES,
    weight: float = 1.0,
) -> dict[str, Any]:
    """One item of lesion segmentation.

    Returns:
        ``image`` (path), ``boxes`` (float32 [N, 4]: x, y, w, h in pixels of the image file), ``box_classes`` (int64
        [N], the mask's channel of each box), ``weight`` (of the image in the loss), ``source`` (:data:`BOXES`,
        :data:`WEAK` or :data:`NORMAL`), ``site``, ``group`` (site and kind), ``patient_id`` (the same for two images
        exactly when they show the same patient) and ``name`` (path below the data folder).
    """
    return {
        "image": str(root / name),
        "boxes": boxes,
        "box_classes": np.array(classes, dtype=np.int64),
        "weight": float(weight),
        "source": source,
        "site": site,
        "group": f"{site} {kind}",
        "patient_id": patient,
        "name": name,
    }


def class_numbers(labels: Sequence[str], classes: Sequence[str] | Mapping[str, int] | None) -> list[int]:
    """The mask's channel of each label.

    Raises:
        ValueError: a label that ``classes`` lacks.
    """
    if classes is None:
        return [0] * len(labels)
    channels = classes if isinstance(classes, Mapping) else {label: number for number, label in enumerate(classes)}
    unknown = sorted(set(labels) - set(channels))
    if unknown:
        raise ValueError(f"box label {', '.join(unknown)} is none of the classes {', '.join(channels)}")
    return [channels[label] for label in labels]


def name_below(root: Path, path: str) -> str:
    """Path of an image below its data folder, as the index has it."""
    return Path(path).relative_to(root).as_posix()


def refuse_absent(root: Path, images: Sequence[str]) -> None:
    """Raise a DataIndexError when files that the index names do not exist."""
    absent = [image for image in images if not (root / image).is_file()]
    if absent:
        raise DataIndexError(f"{root / INDEX_NAME}: {len(absent)} files named there do not exist: {listed(absent)}")


def listed(entries: Sequence[str], separator: str = ", ") -> str:
    """The first few entries."""
    return separator.join(entries[:_SHOWN]) + (f"{separator}…" if len(entries) > _SHOWN else "")
