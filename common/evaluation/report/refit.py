"""The operating point of the home site against one fitted at each site."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.model_selection import StratifiedKFold

from ..bootstrap import group_codes
from ..classification_figures import confusion, decision_rates
from ..operating_point import NOT_SHOWN, choose_threshold, judge
from ..summary import patients

#: Parts of a site; the operating point of each is fitted on the others.
FOLDS = 5
#: Patients of each class that fitting needs at least.
FEWEST = 2 * FOLDS

TRANSFERRED, REFITTED = "of the home site", "refitted here"


def operating_points(
    images: pd.DataFrame, *, rule: str = "who_triage", seed: int = 0, everywhere: pd.DataFrame | None = None
) -> list[dict[str, Any]]:
    """Decisions as saved, and by thresholds fitted to the site itself.

    Refitting is judged by cross-validation: patients are divided into :data:`FOLDS` parts with equal shares of
    positives, and each part is decided on by the threshold that ``rule`` chooses on the others, so that no image helps
    to choose the threshold it is judged by.

    Args:
        images: ``label``, ``score``, ``decision`` and what :func:`..summary.patients` needs, of one site.
        rule: see :func:`..operating_point.choose_threshold`.
        seed: of the division.
        everywhere: all images of the model, of all sites; these when None. The threshold behind their decisions is
            that of every site where it is a single one.

    Returns:
        One row for :data:`TRANSFERRED` and one for :data:`REFITTED`: ``point``, ``threshold`` on the score (None where
        no single one stands behind the decisions), ``sensitivity`` and ``specificity`` with ``_low`` and ``_high``,
        ``state`` and ``line`` against the WHO triage target; refitted ones are None where a class has fewer than
        :data:`FEWEST` patients, which ``line`` says.
    """
    score, label = images["score"].to_numpy(dtype=np.float64), images["label"].to_numpy(dtype=np.int64)
    common = None if everywhere is None else saved_threshold(everywhere)
    rows = [_row(TRANSFERRED, saved_threshold(images) if common is None else common, images)]
    groups = group_codes(patients(images), len(images))
    counts = [np.unique(groups[label == value]).size for value in (0, 1)]
    if min(counts) < FEWEST:
        line = f"not fitted: {counts[1]} positive and {counts[0]} negative patients, {FEWEST} of each are needed"
        return [*rows, {**dict.fromkeys(rows[0]), "point": REFITTED, "state": NOT_SHOWN, "line": line}]
    called = np.zeros(len(images), dtype=np.int64)
    # Patients are divided, by whether any image of them is positive: StratifiedGroupKFold looks at them one by one,
    # which takes minutes for 100,000.
    ill = np.bincount(groups, label) > 0
    for _, chosen in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(ill, ill):
        held_out = np.isin(groups, chosen)
        called[held_out] = score[held_out] >= fit_threshold(score[~held_out], label[~held_out], rule)
    threshold = fit_threshold(score, label, rule)
    return [*rows, _row(REFITTED, threshold, images.assign(decision=called))]


def fit_threshold(scores: NDArray[np.float64], labels: NDArray[np.int64], rule: str) -> float:
    """Threshold on the score itself: calibration changes no ranks, so that none is needed to choose it."""
    ranks = stats.rankdata(scores, method="dense")
    steps = int(ranks.max())
    # Ranks stand in for probabilities; thresholds lie half-way between two of them.
    chosen = choose_threshold(ranks / (steps + 1), labels, rule) * (steps + 1)
    below, above = scores[ranks < chosen], scores[ranks > chosen]
    if not below.size or not above.size:
        return float(scores.min() if above.size else np.nextafter(scores.max(), np.inf))
    return float((below.max() + above.min()) / 2)


def saved_threshold(images: pd.DataFrame) -> float | None:
    """Half-way between scores called negative and positive; None where no single threshold parts them."""
    score, decided = images["score"].to_numpy(dtype=np.float64), images["decision"].to_numpy(dtype=np.int64) == 1
    negative, positive = score[~decided], score[decided]
    if not negative.size or not positive.size or negative.max() >= positive.min():
        return None
    return float((negative.max() + positive.min()) / 2)


def _row(point: str, threshold: float | None, images: pd.DataFrame) -> dict[str, Any]:
    rates = decision_rates(**confusion(images))
    state, line = judge(rates["sensitivity"], rates["specificity"])
    bounds = {
        f"{name}{ending}": value
        for name in ("sensitivity", "specificity")
        for ending, value in zip(("", "_low", "_high"), rates[name], strict=True)
    }
    return {"point": point, "threshold": threshold, **bounds, "state": state, "line": line}
