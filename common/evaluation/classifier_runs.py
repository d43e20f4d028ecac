"""Several classifiers on the same images: seeds of one recipe, or different models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from .masks import OK
from .paired import KEY
from .roc import paired_areas
from .subgroups import cohorts
from .summary import patients

SPREAD_COLUMNS = ("dataset", "metric", "runs", "mean", "std", "min", "max")
PAIRED_COLUMNS = ("baseline", "run", "dataset", "n", "positives", "difference", "low", "high", "p", "p_adjusted")


def spread_over_runs(summary: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation of every figure over the runs, site by site.

    Args:
        summary: ``run``, ``dataset``, ``subgroup``, ``metric`` and ``estimate``.

    Returns:
        One row a site and metric with the columns :data:`SPREAD_COLUMNS`; ``std`` is that of a sample. Runs in which
        a figure is not defined are left out of it; ``runs`` counts the others.
    """
    whole = summary[summary["subgroup"] == ""]
    rows = []
    for (dataset, metric), group in whole.groupby(["dataset", "metric"], sort=False):
        values = group["estimate"].dropna()
        rows.append(
            {
                **{"dataset": dataset, "metric": metric, "runs": len(values)},
                **{"mean": values.mean(), "std": values.std(ddof=1), "min": values.min(), "max": values.max()},
            }
        )
    return pd.DataFrame(rows, columns=list(SPREAD_COLUMNS))


def paired_runs(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every run against the first by DeLong's paired test, on the images that both have.

    Args:
        tables: per-image tables of :func:`.classified_images.join_truth` by the name of the run.

    Returns:
        One row a run and site with the columns :data:`PAIRED_COLUMNS`. ``difference`` is the area of the run minus
        that of the baseline. ``p_adjusted`` controls the false discovery rate over the whole table (Benjamini and
        Hochberg).
    """
    (first, baseline), *others = tables.items()
    rows: list[dict[str, Any]] = []
    left = baseline[baseline["status"] == OK]
    for name, table in others:
        right = table.loc[table["status"] == OK, [*KEY, "score"]]
        pairs = left.merge(right, on=KEY, suffixes=("", "_run"), validate="one_to_one")
        for dataset, _, _, images in cohorts(pairs):
            found = paired_areas(images["score"], images["score_run"], images["label"], groups=patients(images))
            rows.append(
                {
                    **{"baseline": first, "run": name, "dataset": dataset},
                    **{"n": len(images), "positives": int(images["label"].sum())},
                    **{"difference": found.estimate, "low": found.low, "high": found.high, "p": found.p},
                    "p_adjusted": np.nan,
                }
            )
    paired = pd.DataFrame(rows, columns=list(PAIRED_COLUMNS))
    tested = paired["p"].notna()
    if tested.any():
        paired.loc[tested, "p_adjusted"] = stats.false_discovery_control(paired.loc[tested, "p"])
    return paired
