"""The figures of a classifier on one set of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from .bootstrap import Interval
from .brier import brier_score
from .calibration import error_if_calibrated, expected_calibration_error
from .intervals import proportion
from .operating_point import PREVALENCES, RATES, predictive_values
from .resampling import Resampled, resample
from .roc import area_under_curve
from .summary import patients

EXACT, BOOTSTRAP, EXACT_BY_BAYES, CHANCE = "Clopper-Pearson", "bootstrap", "Clopper-Pearson by Bayes", "by chance"
STUDENT = "Student's t, logit"

FIGURE_COLUMNS = ("metric", "estimate", "low", "high", "interval")


def classification_figures(
    images: pd.DataFrame,
    *,
    prevalences: Sequence[float] = PREVALENCES,
    repeats: int = 2000,
    seed: int = 0,
) -> tuple[list[dict[str, Any]], Resampled]:
    """Figures with 95 % intervals.

    Args:
        images: ``label``, ``score``, ``probability``, ``decision`` and what :func:`.summary.patients` needs; one row
            at least.
        prevalences: see :func:`.operating_point.predictive_values`.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.

    Returns:
        Rows with :data:`FIGURE_COLUMNS`, and the band of the ROC curve. Metrics: ``auc``, ``average_precision``,
        ``brier``, ``ece`` (bins of equally many images), ``ece_width`` (equally wide bins), ``ece_by_chance`` (what
        ``ece`` would be of true probabilities), ``sensitivity``, ``specificity``, ``ppv``, ``npv`` and ``accuracy`` of
        the decisions, ``ppv_at_X`` and ``npv_at_X``. NaN where a figure is not defined.
    """
    label, score = images["label"].to_numpy(dtype=np.int64), images["score"].to_numpy(dtype=np.float64)
    probability = images["probability"].to_numpy(dtype=np.float64)
    groups = patients(images)
    area = area_under_curve(score, label, groups=groups)
    drawn = resample(score, label, groups=groups, repeats=repeats, seed=seed)
    both = label.min() != label.max()
    precision = drawn.average_precision if both else Interval(np.nan, np.nan, np.nan)
    found: list[tuple[str, Interval, str]] = [
        ("auc", Interval(area.estimate, area.low, area.high), area.method),
        ("average_precision", precision, BOOTSTRAP),
        ("brier", brier_score(probability, label, groups=groups), STUDENT),
        ("ece", _point(expected_calibration_error(probability, label)), ""),
        ("ece_width", _point(expected_calibration_error(probability, label, binning="width")), ""),
        ("ece_by_chance", Interval(*error_if_calibrated(probability)), CHANCE),
    ]
    counts = confusion(images)
    found += [(name, rate, EXACT) for name, rate in decision_rates(**counts).items()]
    for prevalence in prevalences:
        for name, values in predictive_values(**counts, prevalence=prevalence).items():
            found.append((f"{name}_at_{prevalence:g}", Interval(*map(float, values)), EXACT_BY_BAYES))
    return [dict(zip(FIGURE_COLUMNS, (name, *figure, how), strict=True)) for name, figure, how in found], drawn


def confusion(images: pd.DataFrame) -> dict[str, int]:
    """``tp``, ``fp``, ``tn`` and ``fn`` of ``decision`` against ``label``."""
    ill, called = images["label"] == 1, images["decision"] == 1
    return {
        "tp": int((ill & called).sum()),
        "fp": int((~ill & called).sum()),
        "tn": int((~ill & ~called).sum()),
        "fn": int((ill & ~called).sum()),
    }


def decision_rates(tp: int, fp: int, tn: int, fn: int) -> dict[str, Interval]:
    """Each of :data:`.operating_point.RATES` with its Clopper-Pearson interval."""
    parts = ((tp, tp + fn), (tn, tn + fp), (tp, tp + fp), (tn, tn + fn), (tp + tn, tp + fp + tn + fn))
    return {name: proportion(*part) for name, part in zip(RATES, parts, strict=True)}


def _point(value: float) -> Interval:
    return Interval(value, np.nan, np.nan)
