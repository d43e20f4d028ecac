"""The bootstrap of weighted curves: equal to scikit-learn under every weighting, by patient, with its seed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_curve

from common.evaluation import area_under_curve, resample
from common.evaluation.resampling import BAND_GRID, RankedImages, draw_weights


def made_up(n: int = 80, decimals: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, and labels."""
    random = np.random.default_rng(3)
    labels = (np.arange(n) % 4 == 0).astype(int)
    scores = (random.normal(size=n) + 1.5 * labels).round(decimals)
    return scores, labels


def test_curves_equal_scikit_learns_under_any_weights() -> None:
    scores, labels = made_up()
    ranked = RankedImages(scores, labels)
    for weights in draw_weights(np.arange(80), 20, seed=1):
        true, false = ranked.counts(weights)
        expected = average_precision_score(labels, scores, sample_weight=weights)
        assert ranked.average_precision(true, false) == pytest.approx(expected)
        rates = roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)[:2]
        found = ranked.true_positive_rate(true, false, BAND_GRID)
        assert found == pytest.approx(np.interp(BAND_GRID, *rates))


def test_estimates_are_those_of_all_images() -> None:
    scores, labels = made_up()
    found = resample(scores, labels, repeats=200)
    assert found.average_precision.estimate == pytest.approx(average_precision_score(labels, scores))
    assert found.average_precision.low < found.average_precision.estimate < found.average_precision.high


def test_interval_of_average_precision_is_that_of_the_logit() -> None:
    scores, labels = made_up(400)
    found = resample(scores, labels, repeats=300, seed=5).average_precision
    samples = [
        average_precision_score(labels, scores, sample_weight=weights)
        for weights in draw_weights(np.arange(400), 300, 5)
    ]
    odds = [np.log(x / (1 - x)) for x in (found.low, found.estimate, found.high)]
    reach = 1.959964 * np.std(samples) / (found.estimate * (1 - found.estimate))
    assert odds == pytest.approx([odds[1] - reach, odds[1], odds[1] + reach], rel=1e-5)


def test_a_perfect_average_precision_is_no_certainty() -> None:
    labels = np.repeat([0, 1], 12)
    found = resample(np.arange(24.0), labels, repeats=20).average_precision
    assert found == pytest.approx((1.0, 0.025 ** (1 / 12), 1.0))


def test_a_near_perfect_average_precision_counts_patients() -> None:
    labels = np.repeat([0, 1], 12)
    found = resample(np.arange(24.0), labels, groups=["a"] * 12 + ["b"] * 6 + ["c"] * 6, repeats=20)
    assert found.average_precision == pytest.approx((1.0, 0.025 ** (1 / 2), 1.0))


def test_whole_patients_are_drawn() -> None:
    codes = np.array([0, 0, 1, 2, 2, 2])
    for weights in draw_weights(codes, 50, seed=0):
        assert weights[0] == weights[1]
        assert weights[3] == weights[4] == weights[5]
        assert weights[0] + weights[2] + weights[3] == 3


def test_copies_of_a_patient_do_not_narrow_the_intervals() -> None:
    scores, labels = made_up()
    alone = resample(scores, labels, repeats=500)
    copies = [np.tile(values, 4) for values in (scores, labels)]
    together = resample(*copies, groups=list(range(80)) * 4, repeats=500)
    assert together.average_precision == pytest.approx(alone.average_precision)
    assert together.band_low == pytest.approx(alone.band_low)
    apart = resample(*copies, repeats=500)
    wide, narrow = alone.average_precision, apart.average_precision
    assert narrow.high - narrow.low < 0.6 * (wide.high - wide.low)


def test_the_band_holds_the_curve_and_ends_in_the_corner() -> None:
    scores, labels = made_up(300, decimals=8)
    found = resample(scores, labels, repeats=500)
    ranked = RankedImages(scores, labels)
    curve = ranked.true_positive_rate(*ranked.counts(np.ones(300)), BAND_GRID)
    assert (found.band_low <= curve).all()
    assert (curve <= found.band_high).all()
    assert found.band_low[-1] == found.band_high[-1] == 1
    assert (np.diff(found.band_low) >= 0).all()
    # The area under the ends of the band lies outside that of the interval of the area: a band is wider than a mean.
    area = area_under_curve(scores, labels)
    assert np.trapezoid(found.band_low, BAND_GRID) < area.low < area.high < np.trapezoid(found.band_high, BAND_GRID)


def test_the_seed_decides() -> None:
    scores, labels = made_up()
    first = resample(scores, labels, repeats=50, seed=1)
    assert first.average_precision == resample(scores, labels, repeats=50, seed=1).average_precision
    assert first.average_precision != resample(scores, labels, repeats=50, seed=2).average_precision


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_curve(label: int) -> None:
    found = resample([0.0, 1.0, 2.0], [label] * 3, repeats=50)
    assert np.isnan(found.band_low).all()
    assert np.isnan(found.band_high).all()


def test_repeats_without_a_class_are_left_out() -> None:
    found = resample([0.0, 1.0, 2.0], [0, 0, 1], repeats=200)
    assert found.average_precision == pytest.approx((1.0, 0.025, 1.0))
    assert not np.isnan(found.band_low).any()
