"""Bootstrap intervals: against SciPy, by hand, by group, and their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from common.evaluation import bootstrap_mean, bootstrap_median, bootstrap_sums
from common.metrics import dice_from_counts

SKEWED = 1 - 0.03 * np.random.default_rng(3).lognormal(sigma=0.7, size=60)


def test_mean_equals_scipy_bca() -> None:
    expected = stats.bootstrap((SKEWED,), np.mean, n_resamples=2000, method="BCa", rng=np.random.default_rng(5))
    found = bootstrap_mean(SKEWED, seed=5)
    assert found.estimate == pytest.approx(SKEWED.mean())
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval))


def test_median_equals_scipy_percentiles() -> None:
    expected = stats.bootstrap(
        (np.arange(60),),
        lambda drawn, axis: np.median(np.sort(SKEWED)[drawn], axis=axis),
        n_resamples=500,
        method="percentile",
        rng=np.random.default_rng(5),
    )
    # Without groups the images are numbered in their own order; sorted, that is the order of their values.
    found = bootstrap_median(np.sort(SKEWED), repeats=500, seed=5)
    assert found.estimate == np.median(SKEWED)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval))


def test_median_by_group_is_the_median_of_the_images_of_the_drawn_groups() -> None:
    values, groups = np.array([5.0, 1.0, 2.0, 9.0, 4.0, 7.0]), ["a", "b", "a", "c", "b", "c"]
    members = {"a": [5.0, 2.0], "b": [1.0, 4.0], "c": [9.0, 7.0]}
    names = list(members)

    def slow(drawn: np.ndarray) -> float:
        return float(np.median([value for number in drawn for value in members[names[number]]]))

    expected = stats.bootstrap(
        (np.arange(3),), slow, vectorized=False, n_resamples=200, method="percentile", rng=np.random.default_rng(1)
    )
    found = bootstrap_median(values, groups=groups, repeats=200, seed=1)
    assert found.estimate == 4.5
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval))


def test_groups_widen_the_interval_when_images_of_a_patient_are_alike() -> None:
    random = np.random.default_rng(0)
    patients = np.repeat(np.arange(20), 5)
    values = random.normal(size=20)[patients] + 0.01 * random.normal(size=100)
    alone, together = bootstrap_mean(values), bootstrap_mean(values, groups=patients)
    assert alone.estimate == pytest.approx(together.estimate)
    assert together.high - together.low > 1.8 * (alone.high - alone.low)


def test_pooled_dice_is_that_of_the_summed_counts() -> None:
    counts = np.array([[90, 10, 5], [0, 0, 40], [70, 3, 8]])
    found = bootstrap_sums(counts, dice_from_counts, limits=(0, 1))
    assert found.estimate == pytest.approx(2 * 160 / (2 * 160 + 13 + 53))
    assert 0 <= found.low < found.estimate < found.high <= 1


@pytest.mark.parametrize("function", [bootstrap_mean, bootstrap_median])
def test_the_seed_decides(function) -> None:
    assert function(SKEWED, seed=1) == function(SKEWED, seed=1)
    assert function(SKEWED, seed=1) != function(SKEWED, seed=2)


@pytest.mark.parametrize("function", [bootstrap_mean, bootstrap_median])
def test_few_and_equal_values(function) -> None:
    assert function([0.97] * 5) == pytest.approx((0.97, 0.97, 0.97))
    assert np.isnan(function([])).all()
    for one in (function([0.9]), function([0.9, 0.9], groups=["a", "a"])):
        assert one.estimate == pytest.approx(0.9)
        assert np.isnan([one.low, one.high]).all()


def test_medians_stay_among_the_values() -> None:
    three = bootstrap_median([0.1, 0.5, 0.9])
    assert 0.099 < three.low < three.estimate < three.high < 0.901


def test_memory_is_bounded_by_working_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap_mean(SKEWED)
    monkeypatch.setattr("common.evaluation.bootstrap._BATCH_VALUES", 1000)
    assert bootstrap_mean(SKEWED) == pytest.approx(whole)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 values are NaN"):
        bootstrap_mean([0.5, np.nan])
    with pytest.raises(ValueError, match="3 groups were given for 2 values"):
        bootstrap_mean([0.5, 0.6], groups=["a", "b", "c"])
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1, got 95"):
        bootstrap_mean([0.5, 0.6], confidence=95)
    with pytest.raises(ValueError, match="repeats must be positive, got 0"):
        bootstrap_mean([0.5, 0.6], repeats=0)


def test_intervals_cover_the_true_mean_about_as_often_as_they_say() -> None:
    # A figure as skewed as Dice. With 300 repeats the share found is uncertain by 1.5 points, with 100 images the
    # bootstrap itself falls short by one.
    random = np.random.default_rng(0)
    true = 1 - 0.03 * np.exp(0.4**2 / 2)
    hits = 0
    for _ in range(300):
        found = bootstrap_mean(1 - 0.03 * random.lognormal(sigma=0.4, size=100), repeats=1000)
        hits += found.low <= true <= found.high
    assert 0.91 <= hits / 300 <= 0.98
