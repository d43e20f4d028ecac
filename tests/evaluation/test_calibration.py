"""Calibration: maps that are fitted and errors that are measured, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binomtest
from sklearn import calibration as sklearn_calibration
from sklearn.isotonic import isotonic_regression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from common.evaluation import calibration_curve, error_if_calibrated, expected_calibration_error, fit_calibration
from common.evaluation.calibration import METHODS
from common.metrics.calibration_map import IsotonicMap, TemperatureMap


def made_up(n: int, temperature: float = 1.0, bias: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose true probability is sigmoid(score / temperature + bias)."""
    random = np.random.default_rng(seed)
    scores = temperature * 2 * random.normal(size=n)
    return scores, (random.random(n) < expit(scores / temperature + bias)).astype(int)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    found = fit_calibration(*made_up(20_000, temperature), "temperature")
    assert isinstance(found, TemperatureMap)
    assert found.temperature == pytest.approx(temperature, rel=0.03)
    assert found.bias == 0.0


def test_a_known_bias_is_found_again() -> None:
    found = fit_calibration(*made_up(20_000, 2.5, -1.0), "temperature_bias")
    assert isinstance(found, TemperatureMap)
    assert (found.temperature, found.bias) == (pytest.approx(2.5, rel=0.03), pytest.approx(-1.0, abs=0.06))


@pytest.mark.parametrize("n", [60, 500])
def test_the_penalty_is_firths(n: int) -> None:
    """His estimate solves the logistic score equations with labels moved by leverage times (1/2 - probability)."""
    scores, labels = made_up(n, 2.0, 0.5, seed=3)
    found = fit_calibration(scores, labels, "temperature_bias")
    assert isinstance(found, TemperatureMap)
    columns = np.stack([scores, np.ones(n)], axis=1)
    p = found(scores)
    root = columns * np.sqrt(p * (1 - p))[:, None]
    leverage = np.einsum("ij,jk,ik->i", root, np.linalg.inv(root.T @ root), root)
    assert columns.T @ (labels - p + leverage * (0.5 - p)) == pytest.approx([0, 0], abs=1e-3)


def test_for_many_images_it_is_maximum_likelihood() -> None:
    scores, labels = made_up(20_000, 2.0, 0.5)
    found = fit_calibration(scores, labels, "temperature_bias")
    plain = LogisticRegression(C=np.inf, tol=1e-8).fit(scores[:, None], labels)
    assert isinstance(found, TemperatureMap)
    assert (1 / found.temperature, found.bias) == pytest.approx((plain.coef_[0, 0], plain.intercept_[0]), rel=1e-3)


def test_small_sets_are_calibrated_better_than_by_maximum_likelihood() -> None:
    losses = {"ours": 0.0, "plain": 0.0}
    new_scores, new_labels = made_up(4000, 3.0, seed=99)
    for seed in range(40):
        scores, labels = made_up(30, 3.0, seed=seed)
        plain = LogisticRegression(C=np.inf, max_iter=1000).fit(scores[:, None], labels)
        losses["plain"] += log_loss(new_labels, plain.predict_proba(new_scores[:, None])[:, 1])
        losses["ours"] += log_loss(new_labels, fit_calibration(scores, labels)(new_scores))
    assert losses["ours"] < losses["plain"]


@pytest.mark.parametrize("method", METHODS)
def test_a_separated_set_gives_no_certainty(method: str) -> None:
    scores = np.r_[np.linspace(-9, -1, 12), np.linspace(1, 9, 10)]
    probabilities = fit_calibration(scores, scores > 0, method)(scores)
    assert 0 < probabilities.min() < 0.1
    assert 0.9 < probabilities.max() < 1
    # Nobody knows what happens between the two classes: the images at its rim are not taken for sure.
    assert 0.05 < probabilities[11] < 0.45
    assert 0.55 < probabilities[12] < 0.95
    assert (np.diff(probabilities) >= 0).all()


def test_isotonic_is_scikit_learns_between_platts_labels() -> None:
    scores, labels = made_up(200, seed=4)
    found = fit_calibration(scores, labels, "isotonic")
    assert isinstance(found, IsotonicMap)
    order = np.argsort(scores)
    p, n = labels.sum(), (1 - labels).sum()
    low, high = 1 / (n + 2), (p + 1) / (p + 2)
    expected = low + (high - low) * isotonic_regression(labels[order].astype(float))
    assert found(scores[order]) == pytest.approx(expected)
    assert found([-1e9, 1e9]) == pytest.approx([low, high])


@pytest.mark.parametrize("method", METHODS)
def test_scores_that_cannot_be_calibrated_are_refused(method: str) -> None:
    scores, labels = np.linspace(-5, 5, 40), (np.arange(40) < 20).astype(int)
    with pytest.raises(ValueError, match="is the class index turned round"):
        fit_calibration(scores, labels, method)
    with pytest.raises(ValueError, match="needs both classes, got 0 positives and 40 negatives"):
        fit_calibration(scores, np.zeros(40), method)
    with pytest.raises(ValueError, match="scores that differ, all are 3"):
        fit_calibration(np.full(40, 3.0), labels, method)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="calibration platt; accepted are temperature, temperature_bias, isotonic"):
        fit_calibration([0, 1], [0, 1], "platt")


def test_error_by_hand() -> None:
    # Bins of width 0.5: |0.25 - 1/2| and |0.8 - 1/2| of two images each. Bins of two images: 0.15 / 0, 0.5 / 1.
    probabilities, labels = [0.2, 0.3, 0.7, 0.9], [1, 0, 1, 0]
    assert expected_calibration_error(probabilities, labels, bins=2, binning="width") == pytest.approx(0.275)
    probabilities, labels = [0.1, 0.2, 0.3, 0.7], [0, 0, 1, 1]
    assert expected_calibration_error(probabilities, labels, bins=2, binning="mass") == pytest.approx(
        0.5 * 0.15 + 0.5 * 0.5
    )
    assert expected_calibration_error(probabilities, labels, bins=2, binning="width") == pytest.approx(
        0.75 * abs(0.2 - 1 / 3) + 0.25 * 0.3
    )


def test_error_of_certain_probabilities() -> None:
    assert expected_calibration_error([0, 0, 1, 1], [0, 0, 1, 1]) == 0.0
    assert expected_calibration_error([0, 0, 1, 1], [1, 1, 0, 0]) == 1.0


@pytest.mark.parametrize(("binning", "strategy"), [("mass", "quantile"), ("width", "uniform")])
def test_curve_equals_scikit_learns(binning: str, strategy: str) -> None:
    scores, labels = made_up(500, seed=5)
    share, mean = sklearn_calibration.calibration_curve(labels, expit(scores), n_bins=8, strategy=strategy)
    found = calibration_curve(expit(scores), labels, bins=8, binning=binning)
    assert found["share"].to_numpy() == pytest.approx(share)
    assert found["probability"].to_numpy() == pytest.approx(mean)
    assert found["n"].sum() == 500
    first = found.iloc[0]
    exact = binomtest(int(first["positives"]), int(first["n"])).proportion_ci(method="exact")
    assert (first["low"], first["high"]) == pytest.approx((exact.low, exact.high))


def test_equal_probabilities_stay_in_one_bin() -> None:
    found = calibration_curve([0.2] * 50 + [0.9], [0, 1] * 25 + [1])
    assert found[["n", "probability", "share"]].to_numpy().tolist() == [[50, pytest.approx(0.2), 0.5], [1, 0.9, 1.0]]


@pytest.mark.parametrize("n", [60, 1000])
def test_error_by_chance_is_that_of_true_probabilities(n: int) -> None:
    random = np.random.default_rng(6)
    probabilities = expit(2 * random.normal(size=n))
    errors = [expected_calibration_error(probabilities, random.random(n) < probabilities) for _ in range(400)]
    mean, low, high = error_if_calibrated(probabilities)
    assert mean == pytest.approx(np.mean(errors), rel=0.08)
    assert (low, high) == pytest.approx(tuple(np.quantile(errors, [0.025, 0.975])), rel=0.25)


def test_error_by_chance_falls_with_the_root_of_the_number_of_images() -> None:
    probabilities = np.linspace(0.01, 0.99, 200)
    few, many = error_if_calibrated(probabilities)[0], error_if_calibrated(np.repeat(probabilities, 4))[0]
    assert few / many == pytest.approx(2)


@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_what_is_no_probability_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="probabilities must lie in 0 to 1"):
        expected_calibration_error([0.5, value], [0, 1])
