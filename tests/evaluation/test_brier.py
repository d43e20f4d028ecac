"""The Brier score and its interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics import brier_score_loss

from common.evaluation import brier_score


def made_up(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and labels."""
    random = np.random.default_rng(3)
    labels = (np.arange(n) % 4 == 0).astype(int)
    return special.expit(random.normal(size=n) + 1.5 * labels), labels


def test_the_score_is_scikit_learns() -> None:
    probabilities, labels = made_up(80)
    assert brier_score(probabilities, labels).estimate == pytest.approx(brier_score_loss(labels, probabilities))


@pytest.mark.parametrize("n", [8, 400])
def test_the_interval_is_students_on_the_logit_scale(n: int) -> None:
    probabilities, labels = made_up(n)
    squares = (probabilities - labels) ** 2
    mean, error = squares.mean(), stats.sem(squares)
    reach = stats.t.ppf(0.975, n - 1) * error / (mean * (1 - mean))
    expected = special.expit(special.logit(mean) + np.array([-reach, 0, reach]))
    found = brier_score(probabilities, labels)
    assert (found.low, found.estimate, found.high) == pytest.approx(tuple(expected), rel=1e-6)


def test_copies_of_a_patient_do_not_narrow_the_interval() -> None:
    probabilities, labels = made_up(80)
    alone = brier_score(probabilities, labels)
    copies = np.tile(probabilities, 4), np.tile(labels, 4)
    assert brier_score(*copies, groups=list(range(80)) * 4) == pytest.approx(alone)
    apart = brier_score(*copies)
    assert apart.high - apart.low < 0.6 * (alone.high - alone.low)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_enough(label: int) -> None:
    found = brier_score([0.5, 0.7, 0.9], [label] * 3)
    assert 0 < found.low < found.estimate < found.high < 1


def test_one_patient_gives_no_interval() -> None:
    found = brier_score([0.5, 0.7], [0, 1], groups=["a", "a"])
    assert found.estimate == pytest.approx(0.17)
    assert np.isnan([found.low, found.high]).all()


def test_faultless_probabilities() -> None:
    assert brier_score([0.0, 1.0], [0, 1]) == (0, 0, 0)
