"""Which run of a model answers for which image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ...handlers.prediction_record import TABLE
from ..compare import read_table
from ..mask_files import MaskFinder
from ..masks import MISSING
from ..result import PER_IMAGE
from .models import Run


def owners_of(runs: Sequence[Run], index: pd.DataFrame, dataset_dir: Path, name: str) -> dict[str, Run]:
    """The first run that has taken up each image of the index, by image.

    Args:
        runs: runs of one model.
        index: the cleaned index.
        dataset_dir: folder of the index.
        name: ending of the masks, ``REL_name.png``.
    """
    return {image: run for run in reversed(runs) for image in _images(run, index, dataset_dir, name)}


def shared_out(
    rows: pd.DataFrame, runs: Sequence[Run], owners: Mapping[str, Run]
) -> Iterator[tuple[Run, pd.DataFrame]]:
    """Rows of the index that each run answers for, the first one also for those that none has."""
    owner = rows["image"].map(lambda image: str(owners.get(image, runs[0]).folder))
    for run in runs:
        own = rows[owner == str(run.folder)]
        if len(own):
            yield run, own


def lacking_rows(rows: pd.DataFrame, found: pd.DataFrame, folder: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Rows of the status "missing" for images that an earlier evaluation does not have.

    Args:
        rows: rows of the index.
        found: rows of the evaluation.
        folder: of the evaluation.
        columns: of its table.
    """
    lacking = rows[~rows["image"].isin(found["image"])]
    about = {name: lacking[name] for name in ("dataset", "image", "patient_id")}
    table = pd.DataFrame({**about, "split": "", "status": MISSING, "reason": f"not in {folder}"})
    return table.reindex(columns=list(columns))


def unrelated(folder: Path) -> str:
    """Message on a run none of whose images is in the index."""
    return (
        f"{folder}: none of its masks belongs to an image of the index; paths are those below the dataset_dir of the "
        "inference, which must be the folder of the index"
    )


def _images(run: Run, index: pd.DataFrame, dataset_dir: Path, name: str) -> set[str]:
    """Images of the index that a run has taken up."""
    if run.evaluated:
        return set(read_table(run.folder / PER_IMAGE, ("image",), ("image",))["image"]) & set(index["image"])
    table = run.folder / TABLE
    listed: set[str] = set()
    if table.is_file():
        names = pd.read_csv(table, dtype=str, keep_default_na=False)
        listed = set(names["image"]) if "image" in names else set()
    if listed:
        return listed & set(index["image"])
    find = MaskFinder(run.folder, dataset_dir, name)
    return {image for image in index["image"] if find(image).is_file()}
