"""Intervals of few patients: Student's on the scale of the figure, the limits of a figure, and their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from common.evaluation import bootstrap_mean, bootstrap_sums
from common.evaluation.small_samples import FEW
from common.metrics import dice_from_counts

SKEWED = 1 - 0.03 * np.random.default_rng(3).lognormal(sigma=0.7, size=60)


@pytest.mark.parametrize("count", [2, 3, 20, FEW - 1])
def test_a_figure_without_limits_has_the_interval_of_student(count: int) -> None:
    values = SKEWED[:count]
    expected = stats.t.interval(0.9, count - 1, values.mean(), stats.sem(values))
    found = bootstrap_mean(values, confidence=0.9)
    assert (found.low, found.high) == pytest.approx(expected)


def test_three_patients_who_agree_by_chance_are_no_proof() -> None:
    found = bootstrap_mean([0.95, 0.95, 0.96], limits=(0, 1))
    assert found.low < 0.94
    assert found.high > 0.965


def test_a_share_has_it_on_the_logit_scale_and_a_distance_on_that_of_the_logarithm() -> None:
    values = SKEWED[:12]
    mean, reach = values.mean(), stats.t.ppf(0.975, 11) * stats.sem(values)
    found = bootstrap_mean(values, limits=(0, 1))
    logits = [np.log(end / (1 - end)) for end in found]
    assert logits[0] - logits[1] == pytest.approx(reach / (mean * (1 - mean)))
    assert logits[2] - logits[0] == pytest.approx(reach / (mean * (1 - mean)))
    # The tail lies below: so does most of the interval.
    assert mean - found.low > found.high - mean
    found = bootstrap_mean(40 * values, limits=(0, np.inf))
    assert np.log(found.high / found.estimate) == pytest.approx(reach / mean)
    assert np.log(found.estimate / found.low) == pytest.approx(reach / mean)
    # Errors of area lie between -1 and 1.
    moved = bootstrap_mean(2 * values - 1, limits=(-1, 1))
    assert moved == pytest.approx(tuple(2 * end - 1 for end in bootstrap_mean(values, limits=(0, 1))))


def test_the_error_is_that_of_patients_left_out_one_by_one() -> None:
    values, patients = SKEWED[:25], np.arange(25) // 2
    left_out = [values[patients != number].mean() for number in range(13)]
    error = np.sqrt(12 / 13 * np.square(np.array(left_out) - np.mean(left_out)).sum())
    found = bootstrap_mean(values, groups=patients.tolist())
    assert found.high - values.mean() == pytest.approx(stats.t.ppf(0.975, 12) * error)
    assert bootstrap_mean(values, groups=patients.tolist(), seed=1) == found


def test_limits_hold_for_every_number_of_patients() -> None:
    random = np.random.default_rng(0)
    for count in (2, 10, FEW - 1, FEW):
        counts = np.stack([random.integers(50, 100, count), *random.integers(0, 9, (2, count))], axis=1)
        found = bootstrap_sums(counts, dice_from_counts, limits=(0, 1), repeats=300)
        assert 0 < found.low < found.estimate < found.high < 1


def test_equal_values_tell_nothing_of_their_spread() -> None:
    assert bootstrap_mean(np.ones(20), limits=(0, 1)) == (1.0, 1.0, 1.0)
    assert bootstrap_mean(np.zeros(20), limits=(0, np.inf)) == (0.0, 0.0, 0.0)


def test_one_failure_among_dozens_does_not_make_the_interval_absurd() -> None:
    found = bootstrap_mean(np.array([3.0] * 12 + [4.0] * 12 + [120.0]), limits=(0, np.inf))
    assert 1 < found.low < found.estimate < found.high < 60


def test_the_width_does_not_jump_where_the_method_changes() -> None:
    widths = {}
    for count in (FEW - 1, FEW):
        found = bootstrap_mean(np.random.default_rng(1).beta(18, 1.5, count), limits=(0, 1))
        widths[count] = (found.high - found.low) * np.sqrt(count)
    assert widths[FEW - 1] == pytest.approx(widths[FEW], rel=0.15)


@pytest.mark.parametrize("count", [5, 10, 30])
def test_few_patients_are_covered_about_as_often_as_stated(count: int) -> None:
    # By 500 simulations a share of 0.95 is known to 0.02.
    random = np.random.default_rng(0)
    found = [bootstrap_mean(random.beta(18, 1.5, count), limits=(0, 1)) for _ in range(500)]
    assert 0.92 <= np.mean([low <= 18 / 19.5 <= high for _, low, high in found]) <= 0.98
