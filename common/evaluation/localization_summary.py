"""From one row an image to one row a run and site: means, medians and their intervals, and runs compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from .bootstrap import POSITIVE, SHARE, bootstrap_mean, bootstrap_median
from .localization_figures import IMAGE_FIGURES
from .masks import FAILED, MISSING, NO_TRUTH, OK
from .paired import KEY, difference_figures, with_adjusted_p
from .subgroups import cohorts
from .summary import patients

#: Which images a row of the summary stands for.
ALL, WITH_BOXES, WITHOUT_BOXES = "all", "with boxes", "without boxes"

SUMMARY_COLUMNS = (
    *("dataset", "images", "metric", "n"),
    *("mean", "mean_low", "mean_high", "median", "median_low", "median_high", "std", "min", "max"),
)

#: Figures by which runs are compared.
PAIRED_FIGURES = ("pointing", "evidence_share", "dice", "iou", "iobb")
PAIRED_COLUMNS = (
    *("baseline", "run", "dataset", "metric", "n", "mean_difference", "low", "high"),
    *("better", "equal", "worse", "effect", "p_wilcoxon", "p_adjusted"),
)


def summarize_localization(per_image: pd.DataFrame, *, repeats: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Mean, median and their bootstrap 95 % intervals by site, drawing patients.

    Args:
        per_image: rows of one run; those whose status is not "ok" are left out.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.

    Returns:
        One row a site, kind of images and figure, with :data:`SUMMARY_COLUMNS`. Of all images there are the figures
        that are defined where there is nothing to find; of those with boxes, all of them. No interval where
        all images have one value.
    """
    rows: list[dict[str, Any]] = []
    for dataset, _, _, images in cohorts(per_image[per_image["status"] == OK]):
        ill = images["boxes"] > 0
        kinds = {ALL: images, WITH_BOXES: images[ill], WITHOUT_BOXES: images[~ill]}
        # Where every image has boxes, all images and those with boxes are the same.
        done: dict[tuple[Any, ...], dict[str, Any]] = {}
        for kind, members in kinds.items():
            for metric, info in IMAGE_FIGURES.items():
                values = members[metric].astype(np.float64).dropna()
                if values.empty or (info.needs_boxes and kind != WITH_BOXES):
                    continue
                key = (metric, *values.index)
                if key not in done:
                    done[key] = image_statistics(
                        values, members.loc[values.index], repeats, seed, POSITIVE if metric == "regions" else SHARE
                    )
                rows.append({"dataset": dataset, "images": kind, "metric": metric, **done[key]})
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def localization_outcomes(per_image: pd.DataFrame) -> pd.DataFrame:
    """How many images of one run stand behind the figures.

    Returns:
        One row a site: ``images`` selected, ``compared``, of these ``with_boxes``, ``without_boxes``, true ``boxes``,
        ``regions`` and ``patients``; and ``missing``, ``failed``, ``no_truth``.
    """
    rows = []
    for dataset, _, _, images in cohorts(per_image):
        status = images["status"].value_counts()
        compared = images[images["status"] == OK]
        rows.append(
            {
                "dataset": dataset,
                **{"images": len(images), "compared": len(compared)},
                "with_boxes": int((compared["boxes"] > 0).sum()),
                "without_boxes": int((compared["boxes"] == 0).sum()),
                **{name: int(compared[name].sum()) for name in ("boxes", "regions")},
                "patients": len(set(patients(compared))),
                **{"missing": int(status.get(MISSING, 0)), "failed": int(status.get(FAILED, 0))},
                "no_truth": int(status.get(NO_TRUTH, 0)),
            }
        )
    return pd.DataFrame(rows)


def paired_localization(tables: Mapping[str, pd.DataFrame], *, repeats: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Every run against the first on the images that both have.

    Args:
        tables: per-image rows by the name of the run.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.

    Returns:
        One row a run, site and figure with :data:`PAIRED_COLUMNS`: those of :func:`.paired.difference_figures`, run
        minus baseline, and of :func:`.paired.with_adjusted_p`.
    """
    (first, baseline), *others = tables.items()
    rows: list[dict[str, Any]] = []
    left = baseline[baseline["status"] == OK]
    for name, table in others:
        right = table.loc[table["status"] == OK, [*KEY, *PAIRED_FIGURES]]
        pairs = left.merge(right, on=KEY, suffixes=("", "_run"), validate="one_to_one")
        for dataset, _, _, images in cohorts(pairs):
            for metric in PAIRED_FIGURES:
                difference = (images[f"{metric}_run"] - images[metric]).astype(np.float64).dropna()
                if difference.empty:
                    continue
                who = patients(images.loc[difference.index])
                found = difference_figures(difference.to_numpy(), who, True, repeats=repeats, seed=seed)
                rows.append({"baseline": first, "run": name, "dataset": dataset, "metric": metric, **found})
    return with_adjusted_p(pd.DataFrame(rows, columns=list(PAIRED_COLUMNS)))


def image_statistics(
    values: pd.Series, members: pd.DataFrame, repeats: int, seed: int, limits: tuple[float, float] = SHARE
) -> dict[str, Any]:
    """Mean, median with their intervals, and spread of one figure.

    Args:
        values: one figure an image, no NaN; one at least.
        members: rows of the same images, for :func:`.summary.patients`.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.
        limits: lowest and highest value that the figure can have.

    Returns:
        The last ten of :data:`SUMMARY_COLUMNS`; no interval where all images have one value.
    """
    options: dict[str, Any] = {"groups": patients(members), "repeats": repeats, "seed": seed}
    mean, median = bootstrap_mean(values, limits=limits, **options), bootstrap_median(values, **options)
    # Images that all have one value do not tell how sure it is.
    varied = np.nan if values.nunique() == 1 else 1.0
    return {
        "n": len(values),
        **{"mean": mean.estimate, "mean_low": varied * mean.low, "mean_high": varied * mean.high},
        **{"median": median.estimate, "median_low": varied * median.low, "median_high": varied * median.high},
        "std": float(values.std(ddof=1)) if len(values) > 1 else np.nan,
        **{"min": float(values.min()), "max": float(values.max())},
    }
