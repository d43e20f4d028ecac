"""Training items of the masks that the last stage made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.class_items import spread
from ..data.index import INDEX_NAME, DataIndexError, read_index, select
from ..data.lesion_items import NORMAL, WEAK, lesion_item, listed, refuse_absent
from ..data.patients import patient_keys
from ..errors import UsageError
from .stage import STAGE_FILE


def pseudo_mask_items(
    mask_dir: str | Path | None,
    dataset_dir: str | Path,
    *,
    sites: Sequence[str] | None = None,
    split_column: str | None = None,
    splits: Sequence[str] | None = None,
    limit: int | None = None,
    column: str = "lesion_mask",
) -> list[dict[str, Any]]:
    """Items of lesion segmentation whose label is a mask from image labels.

    An item is that of :func:`common.data.lesion_items.lesion_item` without boxes, and ``label``, the path of
    the mask, which :class:`common.transforms.BoxesToMaskd` reads. Its source is ``weak``, or ``normal`` where the image
    shows none of the classes.

    Args:
        mask_dir: folder of the stage "masks".
        dataset_dir: the data folder that the masks were made from.
        sites: values of ``dataset`` to keep; all when empty.
        split_column: column with the split of each row.
        splits: values of ``split_column`` to keep; all when empty.
        limit: keep only so many items, spread evenly over the list; for trying things out.
        column: of the mask.

    Raises:
        UsageError: no ``mask_dir``.
        DataIndexError: no such index, nothing selected, masks of other images, or files that do not exist.
    """
    if mask_dir is None:
        raise UsageError("mask_dir: the folder masks of a run of pseudo_labels.yaml is needed")
    root, masks = Path(dataset_dir), Path(mask_dir)
    try:
        classes = json.loads((masks / STAGE_FILE).read_text(encoding="utf-8"))["inputs"]["settings"]["classes"]
    except FileNotFoundError:
        raise DataIndexError(
            f"{masks / STAGE_FILE}: not found; mask_dir is the folder masks of pseudo_labels.yaml"
        ) from None
    except (OSError, ValueError, LookupError) as error:
        raise DataIndexError(f"{masks / STAGE_FILE}: not the record of the stage masks") from error
    table = read_index(masks, required=("image", column, *classes))
    known = read_index(root)
    unknown = sorted(set(table["image"]) - set(known["image"]))
    if unknown:
        raise DataIndexError(f"{masks / INDEX_NAME}: masks of images that {root / INDEX_NAME} lacks: {listed(unknown)}")
    patients = dict(zip(known["image"], patient_keys(known), strict=True))
    rows = select(table, sites=sites, split_column=split_column, splits=splits)
    refuse_absent(root, rows["image"])
    refuse_absent(masks, rows[column])
    items = []
    for _, row in rows.iterrows():
        source = WEAK if (row[classes] == "1").any() else NORMAL
        name = row["image"]
        item = lesion_item(
            root, name, row["dataset"], source, patients[name], np.zeros((0, 4), np.float32), [], source=source
        )
        del item["boxes"], item["box_classes"]
        items.append({**item, "label": str(masks / row[column])})
    return spread(items, limit)
