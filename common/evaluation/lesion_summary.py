"""From one row an image to one row a site and class of truth: means, medians and their intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from .intervals import proportion
from .known_lungs import NONE
from .lesion_figures import LESION_FIGURES, NORMAL
from .localization_summary import ALL, SUMMARY_COLUMNS, WITH_BOXES, image_statistics
from .masks import FAILED, MISSING, NO_TRUTH, OK
from .subgroups import cohorts
from .summary import patients

#: Figures of an image that are 0 or 1; their mean is a proportion with an exact interval.
_PROPORTIONS = ("any_false_positive",)


def kinds(images: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Compared images by what is true of them: all, those with boxes, and the classes of ``truth`` beside these."""
    yield ALL, images
    ill = images["boxes"] > 0
    if ill.any():
        yield WITH_BOXES, images[ill]
    classes = images["truth"].unique()
    for truth in sorted(classes, key=lambda name: (not ill[images["truth"] == name].any(), name)):
        members = images[images["truth"] == truth]
        # One label alone is no other class than "with boxes".
        if not members.index.equals(images.index[ill]):
            yield truth, members


def summarize_lesions(per_image: pd.DataFrame, *, repeats: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Mean, median and their 95 % intervals by site and class of truth, drawing patients.

    Args:
        per_image: rows of :func:`.lesion_images.measure_lesions`; those whose status is not "ok" are left out.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.

    Returns:
        One row a site, kind of images (:func:`kinds`) and figure, with the columns of
        :data:`.localization_summary.SUMMARY_COLUMNS`. Each figure stands by the images that it is defined on. No
        interval where all images have one value; that of the share with any false positive is Clopper and Pearson's.
    """
    rows: list[dict[str, Any]] = []
    for dataset, _, _, images in cohorts(per_image[per_image["status"] == OK]):
        # Where all images are of one class, the same figures stand by both kinds.
        done: dict[tuple[Any, ...], dict[str, Any]] = {}
        for kind, members in kinds(images):
            for metric, info in LESION_FIGURES.items():
                values = members[metric].astype(np.float64).dropna()
                if values.empty or (kind == ALL and info.images != ALL):
                    continue
                key = (metric, *values.index)
                if key not in done:
                    done[key] = image_statistics(values, members.loc[values.index], repeats, seed, info.limits)
                    if metric in _PROPORTIONS and values.isin((0, 1)).all():  # not of averaged runs
                        _, low, high = proportion(int(values.sum()), len(values))
                        done[key] |= {"mean_low": low, "mean_high": high}
                rows.append({"dataset": dataset, "images": kind, "metric": metric, **done[key]})
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def lesion_outcomes(per_image: pd.DataFrame) -> pd.DataFrame:
    """How many images stand behind the figures.

    Returns:
        One row a site: ``images`` selected, ``compared``, of these ``with_boxes``, ``normal`` and
        ``normal_without_lungs``, true ``boxes``, predicted ``lesions`` and ``patients``; and ``missing``, ``failed``,
        ``no_truth``.
    """
    rows = []
    for dataset, _, _, images in cohorts(per_image):
        status = images["status"].value_counts()
        compared = images[images["status"] == OK]
        normal = compared["truth"] == NORMAL
        rows.append(
            {
                "dataset": dataset,
                **{"images": len(images), "compared": len(compared)},
                **{"with_boxes": int((compared["boxes"] > 0).sum()), "normal": int(normal.sum())},
                "normal_without_lungs": int((normal & (compared["lungs"] == NONE)).sum()),
                **{name: int(compared[name].sum()) for name in ("boxes", "lesions")},
                "patients": len(set(patients(compared))),
                **{"missing": int(status.get(MISSING, 0)), "failed": int(status.get(FAILED, 0))},
                "no_truth": int(status.get(NO_TRUTH, 0)),
            }
        )
    return pd.DataFrame(rows)
