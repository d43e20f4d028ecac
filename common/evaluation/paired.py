"""Two evaluations of the same images, compared image by image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ..metrics import SEGMENTATION_METRICS
from .bootstrap import bootstrap_mean
from .errors import EvaluationError
from .summary import by_site, patients

KEY = ["dataset", "image"]
PAIRED_COLUMNS = (
    *("baseline", "run", "dataset", "metric", "unit", "n"),
    *("mean_difference", "low", "high", "better", "equal", "worse", "effect", "p_wilcoxon", "p_adjusted"),
)


def paired_differences(
    baseline: tuple[str, pd.DataFrame],
    run: tuple[str, pd.DataFrame],
    *,
    repeats: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Differences of a run to a baseline on the images that both have.

    Args:
        baseline: name and per-image rows of one stage, all compared.
        run: the same of the run.
        repeats: bootstrap repeats.
        confidence: coverage of the interval.
        seed: seed of the bootstrap.

    Returns:
        One row a site and metric with the columns :data:`PAIRED_COLUMNS`. ``mean_difference`` is run minus baseline,
        ``low`` and ``high`` its interval, which draws patients and not images where patients are known; the others
        are those of :func:`difference_figures`. ``p_adjusted`` is empty, see :func:`with_adjusted_p`.

    Raises:
        EvaluationError: an image that the two measured with different pixel sizes.
    """
    (first, left), (second, right) = baseline, run
    pairs = left.merge(right, on=KEY, suffixes=("", "_run"), validate="one_to_one")
    pixel = ["unit", "spacing_x", "spacing_y"]
    same = pd.concat([_same(pairs[name], pairs[f"{name}_run"]) for name in pixel], axis=1).all(axis=1)
    if not same.all():
        image = pairs.loc[~same, "image"].iloc[0]
        raise EvaluationError(f"{first} and {second} measured {image} with different pixel sizes; evaluate both alike")
    rows: list[dict[str, Any]] = []
    for dataset, _, site in by_site(pairs):
        for metric, info in SEGMENTATION_METRICS.items():
            parts = site.groupby("unit") if info.uses_length else [("", site)]
            for unit, part in parts:
                part = part.dropna(subset=[metric, f"{metric}_run"])
                if part.empty:  # surface Dice that one of the two lacks
                    continue
                difference = (part[f"{metric}_run"] - part[metric]).to_numpy(dtype=np.float64)
                about = {"baseline": first, "run": second, "dataset": dataset, "metric": metric, "unit": unit}
                options: dict[str, Any] = {"repeats": repeats, "confidence": confidence, "seed": seed}
                found = difference_figures(difference, patients(part), info.higher_is_better, **options)
                rows.append({**about, **found})
    return pd.DataFrame(rows, columns=list(PAIRED_COLUMNS))


def difference_figures(
    difference: NDArray[np.float64],
    groups: Sequence[Any],
    higher_is_better: bool,
    *,
    repeats: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """What the differences of one figure on the same images tell.

    Args:
        difference: run minus baseline, shape [images].
        groups: what belongs together (patients), one entry an image; the bootstrap draws whole groups.
        higher_is_better: which direction is good.
        repeats: bootstrap repeats.
        confidence: coverage of the interval.
        seed: seed of the bootstrap.

    Returns:
        ``n``, ``mean_difference`` with its interval ``low`` to ``high``; ``better``, ``equal`` and ``worse`` count
        images; ``effect`` is :func:`rank_biserial`, ``p_wilcoxon`` :func:`wilcoxon_p`.
    """
    gain = difference if higher_is_better else -difference
    mean = bootstrap_mean(difference, groups=groups, repeats=repeats, confidence=confidence, seed=seed)
    return {
        **{"n": len(difference), "mean_difference": mean.estimate, "low": mean.low, "high": mean.high},
        **{"better": int((gain > 0).sum()), "equal": int((gain == 0).sum()), "worse": int((gain < 0).sum())},
        **{"effect": rank_biserial(difference), "p_wilcoxon": wilcoxon_p(difference)},
    }


def with_adjusted_p(paired: pd.DataFrame) -> pd.DataFrame:
    """The table with ``p_adjusted``: false discovery rate controlled over all its rows (Benjamini and Hochberg)."""
    return paired.assign(p_adjusted=stats.false_discovery_control(paired["p_wilcoxon"])) if len(paired) else paired


def rank_biserial(differences: NDArray[np.float64]) -> float:
    """Effect size of Wilcoxon's signed-rank test: matched-pairs rank-biserial correlation (Kerby, 2014).

    Of the ranks of all differences that are not 0, the share that is positive minus the share that is negative: in
    [-1, 1], 1 when every image has a higher figure, 0 when no image differs.
    """
    moved = differences[differences != 0]
    if not moved.size:
        return 0.0
    ranks = stats.rankdata(np.abs(moved))
    return float((ranks * np.sign(moved)).sum() / ranks.sum())


def wilcoxon_p(differences: NDArray[np.float64]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; 1 when no image differs at all."""
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def _same(left: pd.Series, right: pd.Series) -> pd.Series:
    return (left == right) | (left.isna() & right.isna())
