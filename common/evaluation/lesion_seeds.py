"""Evaluations of lesions read back, those of several seeds of one recipe as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..metrics.boxes import OVERLAP_THRESHOLDS
from .compare import read_table
from .detection_figures import RankedRegions
from .errors import EvaluationError
from .lesion_figures import LESION_COLUMNS, LESION_FIGURES
from .lesion_froc import MEAN, froc_figures, owners, ranked_lesions
from .lesion_images import PER_IMAGE_COLUMNS, TEXT_COLUMNS
from .lesion_result import LESION_TABLE
from .localization_figures import threshold_name
from .masks import OK
from .paired import KEY
from .result import PER_IMAGE
from .run_record import read_record

#: Figures of all lesions together by which runs are compared: (name, IoU); that of FROC goes by the hit rule.
AVERAGE_PRECISION = "average precision"
DETECTION = (*((AVERAGE_PRECISION, threshold) for threshold in OVERLAP_THRESHOLDS), (MEAN, np.nan))


@dataclass(frozen=True)
class LesionTables:
    """What :meth:`.lesion_result.LesionEvaluation.save` has written.

    Args:
        folder: where.
        images: compared images.
        lesions: their lesions.
        hit_rule: which lesions are hits; None where ``summary.json`` is not there.
    """

    folder: Path
    images: pd.DataFrame
    lesions: pd.DataFrame
    hit_rule: object

    def draws(self, images: pd.DataFrame, weights: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Figures :data:`DETECTION` on these images under weights, shape [draws, figures].

        Args:
            images: ``image`` and ``boxes``.
            weights: how often each image counts, shape [images], one a draw.
        """
        false = self.images.set_index("image").loc[images["image"], "false_positives"].to_numpy()
        lesions = self.lesions[self.lesions["image"].isin(images["image"])]
        names = [threshold_name("hit", threshold) for threshold in OVERLAP_THRESHOLDS]
        hits = lesions[names].to_numpy(dtype=bool).T
        boxes = RankedRegions(lesions["score"], hits, owners(images, lesions), images["boxes"])
        ranked = ranked_lesions(images.assign(false_positives=false), lesions)
        rows = [[*boxes.figures(each, ())[:, 1], froc_figures(ranked, each)[-2]] for each in weights]
        return np.array(rows, dtype=np.float64)


def is_lesion_evaluation(folder: str | Path) -> bool:
    """Whether a folder holds an evaluation of lesions."""
    return (Path(folder) / LESION_TABLE).is_file()


def read_lesion_tables(folder: str | Path) -> LesionTables:
    """Read an evaluation of lesions.

    Raises:
        EvaluationError: a table is missing or none of them, or no image was compared.
    """
    tables = read_lesion_files(folder)
    images = tables.images[tables.images["status"] == OK]
    if images.empty:
        raise EvaluationError(f"{folder}: no compared image")
    return replace(tables, images=images)


def read_lesion_files(folder: str | Path) -> LesionTables:
    """Read an evaluation of lesions with the images that were not compared, whatever their status.

    Raises:
        EvaluationError: a table is missing or none of them.
    """
    folder = Path(folder)
    images = read_table(folder / PER_IMAGE, PER_IMAGE_COLUMNS, TEXT_COLUMNS)
    lesions = read_table(folder / LESION_TABLE, ("dataset", "image", *LESION_COLUMNS), ("dataset", "image", "outcome"))
    rule = read_record(folder / "summary.json").get("settings", {}).get("hit_rule")
    return LesionTables(folder, images, lesions, rule)


def average_seeds(tables: Sequence[LesionTables]) -> pd.DataFrame:
    """Mean over the seeds of every figure of the images that all of them have, with what else is known of these images.

    Raises:
        EvaluationError: two seeds that were measured against different truths.
    """
    first, *others = (each.images.set_index(KEY) for each in tables)
    common = first.index
    for other in others:
        common = common[common.isin(other.index)]
    for table, other in zip(tables[1:], others, strict=True):
        check_truths(first.loc[common], other.loc[common], tables[0].folder, table.folder)
    figures = sum(each.loc[common, list(LESION_FIGURES)] for each in (first, *others)) / len(tables)
    return first.loc[common].assign(**figures).reset_index()


def check_truths(left: pd.DataFrame, right: pd.DataFrame, first: object, second: object) -> None:
    """Raise an :class:`EvaluationError` where one image was measured against different truths."""
    same = (left["boxes"] == right["boxes"]) & (left["truth"] == right["truth"])
    same &= np.isclose(left["true_area"], right["true_area"])
    if not same.all():
        image = left.index[~same.to_numpy()][0][1]
        raise EvaluationError(
            f"{first} and {second} measured {image} against different true boxes; evaluate both alike"
        )
