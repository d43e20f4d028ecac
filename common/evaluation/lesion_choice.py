"""Choosing threshold and least area of lesions on saved probability maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data import read_index, select
from ..data.lesion_boxes import lesion_boxes
from ..data.parallel import parallel_map
from ..localization import fill_boxes, find_lesions
from ..metrics import confusion_counts
from ..metrics.box_masks import FIGURES as MASK_FIGURES
from .bootstrap import SHARE, Interval, bootstrap_mean
from .checks import refuse_twice
from .classification import index_folder
from .classification_tables import figure_text
from .errors import EvaluationError
from .known_lungs import KnownLungs
from .lesion_run import LesionRun, read_lesion_run
from .masks import FAILED, MISSING, NO_TRUTH, OK
from .region_choice import HELD_BACK
from .summary import patients
from .tables import markdown_table

#: What is tried.
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
MIN_AREAS = (0.0, 0.001, 0.0025, 0.005, 0.01, 0.02)
RULES = tuple((threshold, area) for threshold in THRESHOLDS for area in MIN_AREAS)
CHOICE_COLUMNS = ("threshold", "min_lesion_area", "dice", "lesions", "false_area", "normals_with_lesions")


@dataclass(frozen=True)
class LesionChoice:
    """What :func:`choose_lesions` finds out.

    Args:
        table: one row a rule with :data:`CHOICE_COLUMNS`: mean Dice and number of lesions on images with true boxes;
            mean false area, as a share of the lungs, and share of images with a lesion among normal images (NaN without
            any).
        best: the chosen row.
        dice: its mean Dice with the bootstrap 95 % interval.
        images: number of images with true boxes.
        normals: number of normal images.
        left_out: images that could not be used: ``image``, ``status``, ``reason``.
        settings: how the choice was made.
    """

    table: pd.DataFrame
    best: pd.Series
    dice: Interval
    images: int
    normals: int
    left_out: pd.DataFrame
    settings: Mapping[str, Any]

    def markdown(self) -> str:
        """The best least area of each threshold, and what was chosen."""
        best = self.table.sort_values("dice", kind="stable").groupby("threshold").tail(1).sort_values("threshold")
        shown = [[f"{value:.4g}" for value in row] for row in best[list(CHOICE_COLUMNS)].to_numpy()]
        return (
            f"Means over {self.images} images with boxes and {self.normals} normal ones; the best least area of each "
            f"threshold, by Dice\n\n{markdown_table(list(CHOICE_COLUMNS), shown)}\n{self._chosen()}\n"
        )

    def overlay(self) -> str:
        """YAML that follows ``inference.yaml`` among the configuration files."""
        lists = ", ".join(f"{column}: {'+'.join(splits)}" for column, splits in self.settings["lists"].items())
        return (
            "# Overlay on inference.yaml, chosen by `python -m common.evaluation choose-lesions`.\n"
            f"# {self._chosen()}\n"
            f"# Lists: {lists}. Weights (SHA-256): {self.settings['weights_sha256']}\n"
            f"threshold: {self.best['threshold']:g}\n"
            f"min_lesion_area: {self.best['min_lesion_area']:g}\n"
        )

    def _chosen(self) -> str:
        text = (
            f"Chosen: threshold {self.best['threshold']:g}, least area {self.best['min_lesion_area']:g}: Dice "
            f"{figure_text(*self.dice)}"
        )
        if self.normals:
            text += f", false area on normal images {self.best['false_area']:.4f} of the lungs"
        return text + "; on the images that it was chosen on, hence better than on others."


def choose_lesions(
    runs: Sequence[str | Path],
    dataset_dir: str | Path,
    *,
    lists: Mapping[str, Sequence[str]],
    sites: Sequence[str] | None = None,
    lungs_dir: str | Path | None = None,
    max_false_area: float = 0.02,
    repeats: int = 2000,
    seed: int = 0,
    processes: int = 1,
    progress: bool = False,
) -> LesionChoice:
    """Try thresholds and least areas on saved probability maps.

    The rule with the highest mean Dice on images with true boxes is chosen among those whose mean false area on normal
    images stays below a limit.

    Args:
        runs: output folders of inference with ``save_probability`` on ``dataset_dir``, all of the same weights.
        dataset_dir: folder with ``index.csv``, or that file.
        lists: index column -> its values to choose on; an image of any of these lists counts.
        sites: values of ``dataset`` to choose on; all when empty.
        lungs_dir: see :class:`.known_lungs.KnownLungs`. Where lungs are known, lesions outside are dropped as inference
            does with ``lungs_only``.
        max_false_area: largest mean false area on normal images, as a share of the lungs, or of the image where
            they are not known.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.
        processes: worker processes.
        progress: show a progress bar.

    Raises:
        DataIndexError: no index, or nothing selected.
        EvaluationError: a split that is held back, runs of different weights, no image with true boxes and a map, or no
            rule within the limit.
    """
    held = [split for splits in lists.values() for split in splits if split in HELD_BACK]
    if held or not lists:
        raise EvaluationError(
            f"lists {', '.join(held) or 'none'}: lesions are chosen on validation images, never on those of "
            f"{', '.join(HELD_BACK)}"
        )
    folder = index_folder(dataset_dir)
    index = read_index(folder)
    parts = [select(index, sites=sites, split_column=column, splits=splits) for column, splits in lists.items()]
    rows = index.loc[sorted(set().union(*(part.index for part in parts)))]
    refuse_twice(rows, folder)
    read = [read_lesion_run(run, folder) for run in runs]
    weights = {str(run.record.get("weights_sha256", "not known")) for run in read}
    if len(weights) > 1:
        raise EvaluationError(f"{', '.join(str(run.folder) for run in read)}: runs of different weights")
    trial = _Trial(read, KnownLungs(folder, lungs_dir))
    outcomes = parallel_map(
        trial, rows.to_dict("records"), processes=processes, description="trying", progress=progress
    )
    about = pd.DataFrame([outcome[0] for outcome in outcomes])
    usable = (about["status"] == OK).to_numpy()
    normal = usable & about["normal"].to_numpy(dtype=bool)
    drawn = usable & ~normal
    if not drawn.any():
        raise EvaluationError(f"{folder}: no selected image has true boxes and a probability map in {runs[0]}")
    figures = np.stack([outcome[1] for outcome in outcomes])
    table = _table(figures[drawn], figures[normal])
    allowed = table[~(table["false_area"] > max_false_area)]
    if allowed.empty:
        raise EvaluationError(
            f"every rule finds more than {max_false_area:g} of the lungs on normal images, at least "
            f"{table['false_area'].min():.3g}; raise the limit or train on more normal images"
        )
    best = allowed.sort_values(["dice", "lesions"], ascending=[False, True], kind="stable").iloc[0]
    dice = figures[drawn][:, int(best.name), 0]
    return LesionChoice(
        table=table,
        best=best,
        dice=bootstrap_mean(dice, groups=patients(rows[drawn]), repeats=repeats, seed=seed, limits=SHARE),
        images=int(drawn.sum()),
        normals=int(normal.sum()),
        left_out=about.loc[about["status"].isin([MISSING, FAILED]), ["image", "status", "reason"]],
        settings={
            "lists": {column: list(splits) for column, splits in lists.items()},
            "weights_sha256": weights.pop(),
        },
    )


def _table(drawn: NDArray[np.float64], normal: NDArray[np.float64]) -> pd.DataFrame:
    table = pd.DataFrame(RULES, columns=["threshold", "min_lesion_area"])
    table["dice"], table["lesions"] = drawn[:, :, 0].mean(axis=0), drawn[:, :, 1].mean(axis=0)
    table["false_area"] = normal[:, :, 2].mean(axis=0) if len(normal) else np.nan
    table["normals_with_lesions"] = (normal[:, :, 1] > 0).mean(axis=0) if len(normal) else np.nan
    return table


@dataclass(frozen=True)
class _Trial:
    """Tries every rule on one row of the index; picklable, for several processes."""

    runs: Sequence[LesionRun]
    known: KnownLungs

    def __call__(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], NDArray[np.float64]]:
        """What became of the image, and Dice, number of lesions and area by rule, [rules, 3]."""
        none = np.full((len(RULES), 3), np.nan)
        image, text, normal = row["image"], row["boxes"].strip(), row["tb"] in ("0", "0.0")
        about = {"image": image, "normal": normal, "status": OK, "reason": ""}
        # An empty list says that TB was there and nobody drew it.
        if not normal and text in ("", "[]"):
            return about | {"status": NO_TRUTH}, none
        run = next((run for run in self.runs if not run.missing(image)), None)
        if run is None:
            return about | {"status": MISSING, "reason": self.runs[0].missing(image)}, none
        try:
            probability = run.evidence(image)
            truth = fill_boxes(lesion_boxes(text or "[]", probability.shape)[1].tolist(), probability.shape)
            lungs, _ = self.known(row, probability.shape)
        except (ValueError, OSError) as error:  # one unusable file must not take the rest along
            return about | {"status": FAILED, "reason": str(error)}, none
        return about, _sweep(probability, truth, lungs)


def _sweep(
    probability: NDArray[np.float32], truth: NDArray[np.bool_], lungs: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    whole = probability.size if lungs is None else int(lungs.sum())
    rows = []
    for threshold, area in RULES:
        mask, lesions = find_lesions(probability, threshold, min_area=area, lungs=lungs)
        counts = confusion_counts(mask, truth)
        rows.append([float(MASK_FIGURES["dice"](*counts[:3])), len(lesions), mask.sum() / whole])
    return np.array(rows)
