"""Which images cost a classifier its AUC."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .masks import OK
from .roc import placements

#: What is told of each image, before ``lost``.
_COLUMNS = ("run", "dataset", "image", "patient_id", "sex", "age", "label", "score", "findings")


def ranking_errors(per_image: pd.DataFrame) -> pd.DataFrame:
    """Images that stand on the wrong side of some of the other class, the costliest first.

    What an AUC lacks of 1 is the share of pairs, one image of each class, that are ranked wrongly. Every such pair can
    be put down to either of its images, so that ``lost`` sums up to 1 - AUC over the positive images of a run, and once
    more over the negative ones. A few films that cost most of it, in all runs, are worth a look: at their labels, and
    at what can be seen on them at the size that the network sees.

    Args:
        per_image: see :class:`.classification_result.ClassificationEvaluation`; its images are taken together, whatever
            the site.

    Returns:
        One row a run and image: run, dataset, image, patient_id, sex, age, label, score, findings, ``lost``. Images
        that are ranked rightly among all others, and runs without one of the classes, are left out.
    """
    parts = [_of_one_run(table) for _, table in per_image[per_image["status"] == OK].groupby("run", sort=False)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*_COLUMNS, "lost"])


def half_of(lost: pd.Series) -> int:
    """The least number of images that make up half of the sum."""
    shares = lost.sort_values(ascending=False).cumsum() / lost.sum()
    return int((shares < 0.5 - 1e-9).sum()) + 1


def _of_one_run(table: pd.DataFrame) -> pd.DataFrame:
    positive = table["label"].to_numpy(dtype=np.float64) == 1
    lost = np.zeros(len(table))
    if 0 < positive.sum() < positive.size:
        above, below = placements(table["score"].to_numpy(dtype=np.float64), positive)
        lost[positive], lost[~positive] = (1 - above) / positive.sum(), (1 - below) / (~positive).sum()
    found = table[list(_COLUMNS)].assign(lost=lost)
    return found[lost > 1e-12].sort_values("lost", ascending=False, kind="stable")
