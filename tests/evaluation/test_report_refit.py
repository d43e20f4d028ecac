"""The operating point of the home site, and one fitted at each site."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from common.evaluation import choose_threshold
from common.evaluation.report.refit import FEWEST, REFITTED, TRANSFERRED, fit_threshold, operating_points


def images(n: int, shift: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Half of them positive, decided at score 0; each a patient."""
    random = np.random.default_rng(seed)
    label = np.arange(n) % 2
    score = 1.5 * (2 * label - 1) + random.normal(size=n) + shift
    table = pd.DataFrame(
        {"dataset": "north", "image": [f"{k}.png" for k in range(n)], "patient_id": "", "label": label}
    )
    return table.assign(score=score, decision=(score >= 0).astype(int))


@pytest.mark.parametrize("rule", ["who_triage", "youden", "sensitivity 0.95", "specificity 0.8"])
def test_the_threshold_on_scores_is_that_on_probabilities(rule: str) -> None:
    table = images(300)
    score, label = table["score"].to_numpy(), table["label"].to_numpy()
    by_score = score >= fit_threshold(score, label, rule)
    assert (by_score == (expit(score) >= choose_threshold(expit(score), label, rule))).all()


def test_thresholds_at_either_end() -> None:
    score, label = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 0, 0, 0])
    assert (score >= fit_threshold(score, label, "sensitivity 1")).all()
    assert not (score >= fit_threshold(score, label, "specificity 1")).any()


def test_scores_too_large_for_probabilities_stay_apart() -> None:
    score, label = np.array([50.0, 60.0, 70.0, 80.0]), np.array([0, 0, 1, 1])
    assert fit_threshold(score, label, "youden") == 65.0


def test_refitting_mends_a_shift_and_the_home_point_does_not() -> None:
    home, refitted = operating_points(images(600, shift=2.0))
    assert (home["point"], refitted["point"]) == (TRANSFERRED, REFITTED)
    assert home["specificity"] < 0.5 < 0.8 < refitted["specificity"]
    assert refitted["sensitivity"] > 0.88
    assert refitted["threshold"] == pytest.approx(2.0, abs=0.7)
    # The home threshold is where decisions change, whatever the probabilities are.
    assert home["threshold"] == pytest.approx(0.0, abs=0.05)


def test_no_image_chooses_its_own_threshold() -> None:
    # Scores without any information: a threshold chosen on the same images would look better than chance.
    gains = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        table = images(60).assign(score=random.normal(size=60))
        row = operating_points(table, rule="youden")[1]
        gains.append(row["sensitivity"] + row["specificity"] - 1)
    assert np.mean(gains) < 0.06


def test_too_few_patients_are_not_fitted() -> None:
    table = images(2 * FEWEST)
    assert operating_points(table)[1]["sensitivity"] is not None
    table.loc[0, "patient_id"] = table.loc[2, "patient_id"] = "the same"
    row = operating_points(table)[1]
    assert row["sensitivity"] is None
    assert (
        row["line"] == f"not fitted: {FEWEST} positive and {FEWEST - 1} negative patients, {FEWEST} of each are needed"
    )


def test_decisions_of_several_thresholds_have_none() -> None:
    table = images(100)
    table.loc[table["score"].idxmax(), "decision"] = 0
    assert operating_points(table)[0]["threshold"] is None
