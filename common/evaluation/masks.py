"""Per-image figures of saved masks: a pure function of mask files and the data index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from ..io.mask_file import MaskFileError, read_binary_mask, read_union, size_text
from ..metrics import SEGMENTATION_METRICS, segmentation_metrics
from .errors import EvaluationError
from .mask_files import MASK_EXTENSIONS, MaskFinder
from .spacing import Spacing, image_spacing

#: Stages of a prediction: as delivered, and before post-processing (``REL_NAME_raw.png``, where it was saved).
FINAL, RAW = "final", "raw"

#: What became of an image: compared; no prediction there; prediction or truth unusable; no truth in the index.
OK, MISSING, FAILED, NO_TRUTH = "ok", "missing", "failed", "no truth"

#: Site of images whose index names none.
UNNAMED_SITE = "unnamed"

COUNTS = ("tp", "fp", "fn", "tn")
TEXT_COLUMNS = ("stage", "dataset", "image", "patient_id", "split", "status", "reason", "unit")
PER_IMAGE_COLUMNS = (*TEXT_COLUMNS, "spacing_x", "spacing_y", *SEGMENTATION_METRICS, *COUNTS)


@dataclass(frozen=True)
class MaskTask:
    """What is evaluated.

    Args:
        name: ending of the predicted files, ``REL_name.png``.
        truth: paths of the true masks (to be united) in one row of the index; empty where there is none.
    """

    name: str
    truth: Callable[[pd.Series], list[str]]


def evaluate_masks(
    predictions_dir: str | Path,
    index: pd.DataFrame,
    dataset_dir: str | Path,
    *,
    task: MaskTask,
    split_column: str = "",
    spacing: Mapping[str, Spacing] | None = None,
    tolerance: float | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Compare every predicted mask with its truth.

    One pair of masks is in memory at a time.

    Args:
        predictions_dir: output folder of the inference, with the masks and, where there is one, ``predictions.csv``.
        index: rows to evaluate, as :func:`common.data.read_index` and :func:`common.data.select` give them.
        dataset_dir: folder to which the paths of the index belong.
        task: what is evaluated.
        split_column: column of the index that is noted as the split of each image; none when empty.
        spacing: pixel size (x, y) in mm by site; goes before the index columns spacing_x and spacing_y.
        tolerance: distance that surface Dice forgives, in mm, or pixels where no spacing is known.
        progress: show a progress bar.

    Returns:
        One row an image and stage, with the columns :data:`PER_IMAGE_COLUMNS`. ``status`` is "ok", "missing" (no
        prediction), "failed" (unreadable file, mask sizes that differ; ``reason`` names the file) or "no truth"; the
        figures are NaN unless it is "ok". Distances are in ``unit``, mm or px. The stage "raw" is there when any
        mask before post-processing was saved.

    Raises:
        EvaluationError: no such folder, an image listed twice, or a wrong spacing.
    """
    predictions_dir, dataset_dir = Path(predictions_dir), Path(dataset_dir)
    if not predictions_dir.is_dir():
        raise EvaluationError(f"{predictions_dir}: no such folder of predictions")
    twice = index.loc[index["image"].duplicated(), "image"]
    if len(twice):
        raise EvaluationError(
            f"{dataset_dir / 'index.csv'}: {len(twice)} images are listed twice, {twice.iloc[0]} first"
        )
    spacings = [image_spacing(row, spacing or {}) for _, row in index.iterrows()]
    finders = _finders(predictions_dir, dataset_dir, index, task)
    rejected = rejections(predictions_dir)
    rows: list[dict[str, Any]] = []
    for (_, row), pixel in tqdm(
        zip(index.iterrows(), spacings, strict=True), total=len(index), disable=not progress, desc="comparing masks"
    ):
        identity = {
            "dataset": row["dataset"] or UNNAMED_SITE,
            "image": row["image"],
            "patient_id": row["patient_id"],
            "split": row.get(split_column, ""),
            "unit": "px" if pixel is None else "mm",
        }
        if pixel is not None:
            identity |= {"spacing_x": pixel[0], "spacing_y": pixel[1]}
        truths = [dataset_dir / path for path in task.truth(row)]
        files = {stage: find(row["image"]) for stage, find in finders.items()}
        outcomes = _compare(files, truths, pixel, tolerance, rejected.get(row["image"], ""))
        rows += [{**identity, "stage": stage, **outcome} for stage, outcome in outcomes.items()]
    return pd.DataFrame(rows, columns=list(PER_IMAGE_COLUMNS)).astype(dict.fromkeys(COUNTS, "Int64"))


def unknown_predictions(
    predictions_dir: str | Path, index: pd.DataFrame, dataset_dir: str | Path, *, name: str
) -> list[str]:
    """Predicted masks that belong to no image of the index: paths below ``predictions_dir``, sorted.

    Args:
        predictions_dir: output folder of the inference.
        index: the whole index, not only the rows that are evaluated.
        dataset_dir: folder to which the paths of the index belong.
        name: ending of the predicted files, ``REL_name.png``.
    """
    root = Path(predictions_dir)
    find = MaskFinder(root, dataset_dir, name)
    known = {find(image) for image in index["image"]}
    found = {path for extension in MASK_EXTENSIONS for path in root.rglob(f"*_{name}{extension}")}
    return sorted(path.relative_to(root).as_posix() for path in found - known)


def _compare(
    files: Mapping[str, Path], truths: list[Path], spacing: Spacing | None, tolerance: float | None, rejected: str
) -> dict[str, dict[str, Any]]:
    """Outcome of each stage of one image; whatever is wrong with one file, the others are still compared."""
    if not truths:
        return {stage: {"status": NO_TRUTH, "reason": "the index names no true mask"} for stage in files}
    try:
        truth = read_union(truths)
    except MaskFileError as error:
        return {stage: {"status": FAILED, "reason": f"truth {error}"} for stage in files}
    outcomes: dict[str, dict[str, Any]] = {}
    for stage, path in files.items():
        if not path.is_file():
            outcomes[stage] = {"status": MISSING, "reason": rejected or f"{path}: no such file"}
            continue
        try:
            prediction = read_binary_mask(path)
        except MaskFileError as error:
            outcomes[stage] = {"status": FAILED, "reason": str(error)}
            continue
        if prediction.shape != truth.shape:
            sizes = f"{size_text(prediction)}, its truth {truths[0].name} {size_text(truth)}"
            outcomes[stage] = {"status": FAILED, "reason": f"{path}: {sizes}"}
            continue
        # Masks are rows x columns, so that the spacing of the first axis is y.
        steps = None if spacing is None else spacing[::-1]
        values = segmentation_metrics(prediction, truth, spacing=steps, tolerance=tolerance)
        outcomes[stage] = {"status": OK, "reason": "", **values}
    return outcomes


def _finders(predictions_dir: Path, dataset_dir: Path, index: pd.DataFrame, task: MaskTask) -> dict[str, MaskFinder]:
    final = MaskFinder(predictions_dir, dataset_dir, task.name)
    raw = MaskFinder(predictions_dir, dataset_dir, f"{task.name}_raw")
    return {FINAL: final, RAW: raw} if any(raw(image).is_file() for image in index["image"]) else {FINAL: final}


def rejections(predictions_dir: Path) -> dict[str, str]:
    """Why the inference gave no mask, by image, from its ``predictions.csv``."""
    table = predictions_dir / "predictions.csv"
    if not table.is_file():
        return {}
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    if not {"image", "status", "reason"} <= set(rows.columns):
        raise EvaluationError(
            f"{table}: the columns image, status and reason are needed, found {', '.join(rows.columns)}"
        )
    twice = rows.loc[rows["image"].duplicated(), "image"]
    if len(twice):
        raise EvaluationError(f"{table}: {len(twice)} images are listed twice, {twice.iloc[0]} first")
    rows = rows[rows["status"] != "ok"]
    return {
        image: f"{status}: {reason}"
        for image, status, reason in zip(rows["image"], rows["status"], rows["reason"], strict=True)
    }
