"""Clopper-Pearson bounds against SciPy's exact test, published values and their own coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from common.evaluation import clopper_pearson, proportion


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 28), (12, 12), (11, 12), (60, 67), (900, 1000)])
def test_bounds_equal_scipys(successes: int, trials: int, confidence: float) -> None:
    exact = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    found = proportion(successes, trials, confidence=confidence)
    assert found == pytest.approx((successes / trials, exact.low, exact.high))


def test_published_values() -> None:
    # Clopper and Pearson's charts as tabulated by Newcombe (Stat Med 1998), 81 of 263, 15 of 148, 0 of 20 and 1 of 29.
    low, high = clopper_pearson([81, 15, 0, 1], [263, 148, 20, 29])
    assert low.round(4).tolist() == [0.2527, 0.0578, 0.0, 0.0009]
    assert high.round(4).tolist() == [0.3676, 0.1617, 0.1684, 0.1776]


def test_rule_of_three() -> None:
    assert clopper_pearson(0, 300)[1] == pytest.approx(-np.log(0.025) / 300, rel=0.01)


def test_any_shape_and_no_trial() -> None:
    low, high = clopper_pearson([[0, 5], [3, 0]], [[0, 5], [6, 4]])
    assert low.shape == high.shape == (2, 2)
    assert np.isnan([low[0, 0], high[0, 0]]).all()
    assert not np.isnan(low.ravel()[1:]).any()
    assert np.isnan(proportion(0, 0)).all()


@pytest.mark.parametrize("truth", [0.03, 0.5, 0.9])
def test_coverage_is_never_below_what_is_stated(truth: float) -> None:
    counts = np.arange(41)
    low, high = clopper_pearson(counts, np.full(41, 40))
    covered = stats.binom.pmf(counts, 40, truth)[(low <= truth) & (truth <= high)].sum()
    assert 0.95 <= covered < 1


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="from 0 to the number of trials"):
        clopper_pearson(successes, trials)
