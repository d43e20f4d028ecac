"""Two evaluations of the same images, compared image by image."""

from __future__ import annotations

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
    *("mean_difference", "low", "high", "better", "equal", "worse", "p_wilcoxon"),
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
        ``low`` and ``high`` its interval, which draws patients and not images where patients are known; ``better``,
        ``equal`` and ``worse`` count images; ``p_wilcoxon`` is two-sided.

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
                gain = difference if info.higher_is_better else -difference
                mean = bootstrap_mean(
                    difference, groups=patients(part), repeats=repeats, confidence=confidence, seed=seed
                )
                rows.append(
                    {
                        **{"baseline": first, "run": second, "dataset": dataset, "metric": metric, "unit": unit},
                        **{"n": len(part), "mean_difference": mean.estimate, "low": mean.low, "high": mean.high},
                        "better": int((gain > 0).sum()),
                        "equal": int((gain == 0).sum()),
                        "worse": int((gain < 0).sum()),
                        "p_wilcoxon": wilcoxon_p(difference),
                    }
                )
    return pd.DataFrame(rows, columns=list(PAIRED_COLUMNS))


def wilcoxon_p(differences: NDArray[np.float64]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test; 1 when no image differs at all."""
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def _same(left: pd.Series, right: pd.Series) -> pd.Series:
    return (left == right) | (left.isna() & right.isna())
