"""Training items whose boxes a classifier found."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import UsageError
from .class_items import class_items, spread
from .index import INDEX_NAME, DataIndexError, read_index
from .lesion_boxes import image_size, lesion_boxes
from .lesion_items import WEAK, lesion_item, listed, name_below
from .patients import patient_keys
from .random_boxes import FoundBoxes, misplaced

logger = logging.getLogger(__name__)


def weak_lesion_items(
    weak_dir: str | Path | None,
    dataset_dir: str | Path,
    *,
    weight: float = 1.0,
    sites: Sequence[str] | None = None,
    split_column: str | None = None,
    splits: Sequence[str] | None = None,
    exclude: Sequence[Mapping[str, Any]] | None = None,
    min_probability: float = 0.0,
    random_boxes: bool = False,
    random_places: str = "anywhere",
    seed: int = 0,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Items, source ``weak``, of the boxes that the bundle tb_cls found on images with TB.

    The weak masks of Rajaraman et al. (2021): what a classifier's evidence encloses, as filled boxes. All are of class
    0. Images that have boxes of their own, an empty list aside, and patients of the held-out items are left out.

    Args:
        weak_dir: output folder of a run with ``localize.yaml``; its ``index.csv`` names images below ``dataset_dir``
            and their boxes.
        dataset_dir: folder with ``index.csv``.
        weight: of each image in the loss.
        sites: values of ``dataset`` to keep; all when empty.
        split_column: column with the split of each row.
        splits: values of ``split_column`` to keep; all when empty.
        exclude: items that are validated or tested on, with ``image``.
        min_probability: leave out images whose probability of TB, as the classifier gave it, is lower.
        random_boxes: put every box to a random place of its image, its size kept: the placebo that tells what the
            place of the boxes is worth.
        random_places: where they go; see :func:`.random_boxes.misplaced`.
        seed: of the places; anywhere, they are the same for an image whatever else is chosen.
        limit: keep only so many items, spread evenly over the list; for trying things out.

    Returns:
        As :func:`.lesion_items.lesion_item`.

    Raises:
        DataIndexError: no such index; it names none of the images of ``dataset_dir``; no weak mask is left; boxes that
            cannot be read or lie outside their image; or see :func:`common.data.class_items`.
        UsageError: no ``weak_dir``, a weight that is not above 0, or see :func:`.random_boxes.misplaced`.
    """
    if weak_dir is None:
        raise UsageError("weak_dir: the output folder of a run of the bundle tb_cls with localize.yaml is needed")
    if not (math.isfinite(weight) and weight > 0):
        raise UsageError(f"weight of weak masks: a number above 0 is needed, got {weight}")
    root, path = Path(dataset_dir), Path(weak_dir) / INDEX_NAME
    needed = ("image", "boxes", "tb_probability") if min_probability > 0 else ("image", "boxes")
    weak = read_index(weak_dir, required=needed)
    table = read_index(root)
    if not weak["image"].isin(table["image"]).any():
        raise DataIndexError(
            f"{path}: weak masks of other images: names {listed(weak['image'].tolist()[:1])}, "
            f"{root / INDEX_NAME} names {listed(table['image'].tolist()[:1])}"
        )
    chosen = class_items(root, sites=sites, split_column=split_column, splits=splits, both_classes=False)
    with_tb = {name_below(root, item["image"]): item["site"] for item in chosen if item["label"] == 1}
    patients = dict(zip(table["image"], patient_keys(table), strict=True))
    own = set(table.loc[~table["boxes"].str.strip().isin(["", "[]"]), "image"])
    held = _held_patients(root, patients, exclude or [])

    found: list[FoundBoxes] = []
    problems = []
    left_out: Counter[str] = Counter()
    for _, row in weak.iterrows():
        name = row["image"]
        if name not in patients:
            left_out["not in the index"] += 1
        elif name not in with_tb:
            left_out["without TB or not in the chosen lists"] += 1
        elif name in own:
            left_out["with boxes of their own"] += 1
        elif patients[name] in held:
            left_out["of held-out patients"] += 1
        elif min_probability > 0 and not _probability(row, path) >= min_probability:
            left_out[f"with a probability below {min_probability:g}"] += 1
        else:
            size = image_size(root / name)
            try:
                _, boxes = lesion_boxes(row["boxes"], size)
            except ValueError as error:
                problems.append(f"{name}: {error}")
                continue
            if not len(boxes):
                left_out["on which nothing was found"] += 1
                continue
            found.append(FoundBoxes(name, size, boxes))
    if problems:
        raise DataIndexError(f"{path}: {listed(problems, separator='; ')}")
    account = "; ".join(f"{count} {reason}" for reason, count in left_out.items()) or "none"
    if not found:
        raise DataIndexError(f"{path}: no weak masks found; of {len(weak)} images were left out: {account}")
    logger.info("%s: weak masks of %d of %d images; left out: %s", path, len(found), len(weak), account)
    placed = misplaced(found, random_places, seed) if random_boxes else [image.boxes for image in found]
    items = [
        lesion_item(
            root,
            image.name,
            with_tb[image.name],
            WEAK,
            patients[image.name],
            boxes,
            [0] * len(boxes),
            source=WEAK,
            weight=weight,
        )
        for image, boxes in zip(found, placed, strict=True)
    ]
    return spread(items, limit)


def _held_patients(root: Path, patients: Mapping[str, str], held_out: Sequence[Mapping[str, Any]]) -> set[str]:
    files = {Path(item["image"]).resolve() for item in held_out}
    return {patient for name, patient in patients.items() if (root / name).resolve() in files} if files else set()


def _probability(row: pd.Series, path: Path) -> float:
    try:
        return float(row["tb_probability"])
    except ValueError:
        found = row["tb_probability"]
        raise DataIndexError(f"{path}: {row['image']}: tb_probability must be a number, found {found!r}") from None
