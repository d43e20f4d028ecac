"""Thresholds: all of them in a table, one chosen by a rule, and whether it meets a target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.metrics import confusion_matrix_at_thresholds

from .bootstrap import Interval
from .intervals import clopper_pearson
from .roc import checked

#: Rows of a threshold table; of more distinct probabilities, evenly ranked ones are shown.
TABLE_ROWS = 1000

#: Patients with TB among those tested for whom predictive values are given.
PREVALENCES = (0.01, 0.05, 0.1)

RATES = ("sensitivity", "specificity", "ppv", "npv", "accuracy")

PASS, FAIL, NOT_SHOWN = "pass", "fail", "not shown"


class Target(NamedTuple):
    """What a test has to reach."""

    name: str
    sensitivity: float
    specificity: float

    def __str__(self) -> str:
        return f"{self.name} (sensitivity at least {self.sensitivity:.2f}, specificity at least {self.specificity:.2f})"


#: Target product profile of a triage test for pulmonary TB, minimum (WHO/HTM/TB/2014.18).
WHO_TRIAGE = Target("WHO triage target", 0.9, 0.7)


def threshold_counts(probabilities: ArrayLike, labels: ArrayLike) -> pd.DataFrame:
    """Confusion counts at every threshold that makes a difference, from the highest.

    Args:
        probabilities: shape [images], in [0, 1].
        labels: 0 or 1, shape [images].

    Returns:
        ``threshold``, ``tp``, ``fp``, ``tn``, ``fn``. Probabilities from the threshold on are positive; each lies
        half-way between two probabilities that occur, so that rounding cannot move an image across it. The first
        calls no image positive (it is missing when a probability is 1), the last, 0, all.

    Raises:
        ValueError: see :func:`.roc.area_under_curve`.
    """
    probability, positive = checked(probabilities, labels)
    tn, fp, fn, tp, found = confusion_matrix_at_thresholds(positive, probability, pos_label=True)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    table = pd.DataFrame(
        {
            "threshold": np.concatenate([[(1 + found[0]) / 2], (found[:-1] + found[1:]) / 2, [0.0]]),
            "tp": np.concatenate([[0], tp]).astype(np.int64),
            "fp": np.concatenate([[0], fp]).astype(np.int64),
            "tn": np.concatenate([[n_negative], tn]).astype(np.int64),
            "fn": np.concatenate([[n_positive], fn]).astype(np.int64),
        }
    )
    return table.iloc[1:].reset_index(drop=True) if found[0] >= 1 else table


def with_rates(counts: pd.DataFrame, prevalences: Sequence[float] = PREVALENCES) -> pd.DataFrame:
    """Add the rates of confusion counts and their intervals.

    Args:
        counts: ``tp``, ``fp``, ``tn``, ``fn`` and whatever else.
        prevalences: see :func:`predictive_values`.

    Returns:
        The columns of ``counts``; each of :data:`RATES` with its Clopper-Pearson bounds, ``NAME``, ``NAME_low``,
        ``NAME_high``, where PPV and NPV are those at the share of positives in the data; ``youden``; and for each
        prevalence ``ppv_at_0.05`` and so on with bounds.
    """
    table = counts.copy()
    tp, fp, tn, fn = (counts[name].to_numpy(dtype=np.float64) for name in ("tp", "fp", "tn", "fn"))
    for name, hits, total in (
        ("sensitivity", tp, tp + fn),
        ("specificity", tn, tn + fp),
        ("ppv", tp, tp + fp),
        ("npv", tn, tn + fn),
        ("accuracy", tp + tn, tp + fp + tn + fn),
    ):
        table[name] = np.where(total > 0, hits / np.maximum(total, 1), np.nan)
        table[f"{name}_low"], table[f"{name}_high"] = clopper_pearson(hits, total)
    table["youden"] = table["sensitivity"] + table["specificity"] - 1
    for prevalence in prevalences:
        for name, bounds in predictive_values(tp, fp, tn, fn, prevalence).items():
            for ending, values in zip(("", "_low", "_high"), bounds, strict=True):
                table[f"{name}_at_{prevalence:g}{ending}"] = values
    return table


def predictive_values(
    tp: ArrayLike, fp: ArrayLike, tn: ArrayLike, fn: ArrayLike, prevalence: float, *, confidence: float = 0.95
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
    """Predictive values among people of whom a given share is ill, by Bayes' theorem.

    They rise and fall with sensitivity and specificity, which come from different images. The bounds follow from
    those of Clopper and Pearson for both, each at the square root of the coverage, and so cover at least as stated.

    Args:
        tp: true positives, any shape; likewise the others.
        fp: false positives.
        tn: true negatives.
        fn: false negatives.
        prevalence: in (0, 1).
        confidence: coverage, in (0, 1).

    Returns:
        ``ppv`` and ``npv``, each as estimate, lower and upper bound; NaN where a class is missing, or the estimate
        where nothing is called positive (negative).

    Raises:
        ValueError: a prevalence outside (0, 1).
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"a prevalence lies between 0 and 1, got {prevalence}")
    tp, fp, tn, fn = (np.asarray(count, dtype=np.float64) for count in (tp, fp, tn, fn))
    both = confidence**0.5
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivities = tp / (tp + fn), *clopper_pearson(tp, tp + fn, confidence=both)
        specificities = tn / (tn + fp), *clopper_pearson(tn, tn + fp, confidence=both)
        ill, well = prevalence, 1 - prevalence
        pairs = list(zip(sensitivities, specificities, strict=True))
        ppv = [ill * se / (ill * se + well * (1 - sp)) for se, sp in pairs]
        npv = [well * sp / (well * sp + ill * (1 - se)) for se, sp in pairs]
    return {"ppv": (ppv[0], ppv[1], ppv[2]), "npv": (npv[0], npv[1], npv[2])}


def threshold_table(
    probabilities: ArrayLike, labels: ArrayLike, prevalences: Sequence[float] = PREVALENCES
) -> pd.DataFrame:
    """Every threshold that makes a difference, :data:`TABLE_ROWS` at most, with :func:`with_rates`."""
    counts = threshold_counts(probabilities, labels)
    shown = np.unique(np.linspace(0, len(counts) - 1, min(len(counts), TABLE_ROWS)).round().astype(np.intp))
    return with_rates(counts.iloc[shown].reset_index(drop=True), prevalences)


def choose_threshold(probabilities: ArrayLike, labels: ArrayLike, rule: str) -> float:
    """Threshold by a rule. To be given validation data, never the images that are reported on.

    Args:
        probabilities: calibrated, shape [images].
        labels: 0 or 1, shape [images].
        rule: "who_triage": of the thresholds that meet :data:`WHO_TRIAGE` the one that most probably meets it on
            further images too, that is with the largest product of the two posterior probabilities (binomial,
            Jeffreys prior), and where none meets it, as "sensitivity 0.9". "youden": largest sensitivity +
            specificity - 1, the more sensitive one of equals. "sensitivity X": highest specificity with that
            sensitivity at least; "specificity X" likewise.

    Raises:
        ValueError: an unknown rule, a class that is missing, a specificity that no threshold reaches, or what
            :func:`.roc.area_under_curve` refuses.
    """
    counts = threshold_counts(probabilities, labels)
    n_positive, n_negative = int(counts["tp"].max()), int(counts["fp"].max())
    if not n_positive or not n_negative:
        raise ValueError(f"a threshold needs both classes, got {n_positive} positives and {n_negative} negatives")
    tp, tn = counts["tp"].to_numpy(), counts["tn"].to_numpy()
    sensitivity, specificity = tp / n_positive, tn / n_negative
    kind, least = parse_rule(rule)
    if kind == "who_triage":
        met = (sensitivity >= WHO_TRIAGE.sensitivity) & (specificity >= WHO_TRIAGE.specificity)
        if met.any():
            sure = stats.beta.sf(WHO_TRIAGE.sensitivity, tp + 0.5, n_positive - tp + 0.5)
            sure = sure * stats.beta.sf(WHO_TRIAGE.specificity, tn + 0.5, n_negative - tn + 0.5)
            place = int(np.where(met, sure, -1).argmax())
            return float(counts["threshold"].iloc[place])
        kind, least = "sensitivity", WHO_TRIAGE.sensitivity
    if kind == "youden":
        youden = tp * n_negative + tn * n_positive  # whole numbers, so that equals are equal
        place = int(np.flatnonzero(youden == youden.max())[-1])
    elif kind == "sensitivity":
        place = int(np.flatnonzero(sensitivity >= least)[0])
    else:
        reached = np.flatnonzero(specificity >= least)
        if not reached.size:
            raise ValueError(f"no threshold reaches the specificity {least:g}")
        place = int(reached[-1])
    return float(counts["threshold"].iloc[place])


def parse_rule(rule: str) -> tuple[str, float]:
    """Kind and number of a rule of :func:`choose_threshold`; NaN where it has no number.

    Raises:
        ValueError: an unknown rule.
    """
    if rule in ("who_triage", "youden"):
        return rule, np.nan
    kind, _, text = rule.partition(" ")
    try:
        least = float(text)
    except ValueError:
        least = np.nan
    if kind not in ("sensitivity", "specificity") or not 0 < least <= 1:
        raise ValueError(f"rule {rule}; accepted are who_triage, youden, sensitivity X and specificity X, X in 0 to 1")
    return kind, least


def judge(sensitivity: Interval, specificity: Interval, target: Target = WHO_TRIAGE) -> tuple[str, str]:
    """Whether a target is met.

    Returns:
        "pass" when both intervals lie at or above it, "fail" when one lies below, else "not shown"; and a line for
        people that begins with this word.
    """
    parts = (("sensitivity", sensitivity, target.sensitivity), ("specificity", specificity, target.specificity))
    said, states, met = [], [], []
    for name, found, wanted in parts:
        if np.isnan(found.estimate):
            states.append(NOT_SHOWN)
            said.append(f"{name} not defined, no image of its class")
            continue
        met.append(found.estimate >= wanted)
        states.append(PASS if found.low >= wanted else FAIL if found.high < wanted else NOT_SHOWN)
        where = {PASS: "is above", FAIL: "is below", NOT_SHOWN: "straddles"}[states[-1]]
        said.append(f"{name} {found.estimate:.3f} [{found.low:.3f}, {found.high:.3f}] {where} {wanted:.2f}")
    state = FAIL if FAIL in states else NOT_SHOWN if NOT_SHOWN in states else PASS
    hint = ""
    if state == NOT_SHOWN and len(met) == len(parts):
        hint = " (the estimates meet it)" if all(met) else " (the estimates miss it)"
    return state, f"{state}{hint}: {'; '.join(said)}"
