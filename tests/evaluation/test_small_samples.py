"""Intervals of few patients: Student's, the bootstrap-t one by a slow second way, and the limits of a figure."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from common.evaluation import bootstrap_mean, bootstrap_sums
from common.evaluation.small_samples import FEW, VERY_FEW
from common.metrics import dice_from_counts

SKEWED = 1 - 0.03 * np.random.default_rng(3).lognormal(sigma=0.7, size=60)


def test_a_handful_of_patients_has_the_interval_of_student() -> None:
    values = SKEWED[: VERY_FEW - 1]
    expected = stats.t.interval(0.9, len(values) - 1, values.mean(), stats.sem(values))
    found = bootstrap_mean(values, confidence=0.9)
    assert (found.low, found.high) == pytest.approx(expected)
    # Three patients who agree by chance are no proof.
    three = bootstrap_mean([0.95, 0.95, 0.96])
    assert three.low < 0.94
    assert three.high > 0.965


def test_dozens_of_patients_have_the_bootstrap_t_interval() -> None:
    values, patients = SKEWED[:25], [number // 2 for number in range(25)]
    groups = [values[np.array(patients) == number] for number in range(13)]

    def mean_and_error(drawn: list[np.ndarray]) -> tuple[float, float]:
        left_out = [np.concatenate(drawn[:place] + drawn[place + 1 :]).mean() for place in range(len(drawn))]
        spread = np.square(np.array(left_out) - np.mean(left_out)).sum()
        return float(np.concatenate(drawn).mean()), float(np.sqrt((len(drawn) - 1) / len(drawn) * spread))

    mean, error = mean_and_error(groups)
    drawn = np.random.default_rng(7).integers(13, size=(200, 13))
    samples = [mean_and_error([groups[number] for number in numbers]) for numbers in drawn]
    ratios = [(sample - mean) / own for sample, own in samples]
    expected = mean - np.quantile(ratios, [0.975, 0.025]) * error
    found = bootstrap_mean(values, groups=patients, repeats=200, seed=7)
    assert found.estimate == pytest.approx(mean)
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    # The tail lies below: so does most of the interval.
    assert mean - found.low > found.high - mean


def test_nearly_equal_values_have_the_interval_of_student() -> None:
    # One sample in eight holds nothing but ones.
    values = np.array([1.0] * 18 + [0.9] * 2)
    low, high = stats.t.interval(0.95, 19, values.mean(), stats.sem(values))
    assert bootstrap_mean(values) == pytest.approx((0.99, low, high))
    assert bootstrap_mean(values, limits=(0, 1)) == pytest.approx((0.99, low, 1.0))
    assert bootstrap_mean(np.ones(20)) == pytest.approx((1.0, 1.0, 1.0))


def test_limits_hold_for_every_number_of_patients() -> None:
    random = np.random.default_rng(0)
    for count in (2, VERY_FEW - 1, VERY_FEW, FEW - 1, FEW):
        counts = np.stack([random.integers(50, 100, count), *random.integers(0, 9, (2, count))], axis=1)
        found = bootstrap_sums(counts, dice_from_counts, limits=(0, 1), repeats=300)
        assert 0 <= found.low < found.estimate < found.high <= 1


def test_the_width_does_not_jump_where_the_method_changes() -> None:
    widths = {}
    for count in (FEW - 1, FEW):
        found = bootstrap_mean(np.random.default_rng(1).beta(18, 1.5, count))
        widths[count] = (found.high - found.low) * np.sqrt(count)
    assert widths[FEW - 1] == pytest.approx(widths[FEW], rel=0.15)
