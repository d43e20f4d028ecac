"""Areas under the curve: against scikit-learn, a double loop, published numbers, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

from common.evaluation import area_under_curve, paired_areas, roc_points
from common.evaluation.roc import delong, newcombe

# DeLong, DeLong and Clarke-Pearson (Biometrics 1988): albumin, total protein, K-G score (10 minus it ranks the same
# way) and outcome of the 43 patients with all three; data and results of the example "Comparing Receiver Operating
# Characteristic Curves" of the SAS/STAT manual, to four digits.
_NUMBERS = """
    3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1
    3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0
    4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1
    4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1
    2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1"""
OVARIAN = np.array(_NUMBERS.split(), dtype=float).reshape(-1, 4)
ALBUMIN, PROTEIN, KG, OUTCOME = OVARIAN[:, 0], OVARIAN[:, 1], 10 - OVARIAN[:, 2], OVARIAN[:, 3]


def made_up(n: int = 150, decimals: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, and labels."""
    random = np.random.default_rng(seed)
    labels = (np.arange(n) % 3 == 0).astype(int)
    return (random.normal(size=n) + 1.2 * labels).round(decimals), labels


def slow_placements(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the other class that each positive (negative) is ranked rightly against: every pair looked at."""
    pairs = np.array([[(p > n) + 0.5 * (p == n) for n in scores[labels == 0]] for p in scores[labels == 1]])
    return pairs.mean(axis=1), pairs.mean(axis=0)


def slow_covariance(left: np.ndarray, right: np.ndarray, labels: np.ndarray) -> float:
    """DeLong's covariance from all pairs."""
    parts = zip(slow_placements(left, labels), slow_placements(right, labels), strict=True)
    return sum(float(np.cov(a, b)[0, 1]) / len(a) for a, b in parts)


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_area_equals_scikit_learn_and_error_equals_the_double_loop(decimals: int) -> None:
    scores, labels = made_up(decimals=decimals)
    found = area_under_curve(scores, labels)
    assert found.method == "DeLong"
    assert found.estimate == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert found.standard_error == pytest.approx(np.sqrt(slow_covariance(scores, scores, labels)), abs=1e-12)


def test_covariance_of_two_classifiers_equals_the_double_loop() -> None:
    scores, labels = made_up()
    other = scores + np.random.default_rng(1).normal(size=scores.size).round(1)
    _, covariance = delong(np.stack([scores, other]), labels == 1)
    for row, left in enumerate((scores, other)):
        for column, right in enumerate((scores, other)):
            assert covariance[row, column] == pytest.approx(slow_covariance(left, right, labels), abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "area", "error"), [(ALBUMIN, 0.7366, 0.0927), (KG, 0.7258, 0.1028), (PROTEIN, 0.6478, 0.1000)]
)
def test_published_areas(scores: np.ndarray, area: float, error: float) -> None:
    found = area_under_curve(scores, OUTCOME)
    assert (found.estimate, found.standard_error) == pytest.approx((area, error), abs=5e-5)


@pytest.mark.parametrize(("scores", "difference", "error"), [(ALBUMIN, 0.0108, 0.0953), (PROTEIN, -0.0780, 0.1046)])
def test_published_paired_differences(scores: np.ndarray, difference: float, error: float) -> None:
    found = paired_areas(KG, scores, OUTCOME)
    assert found.estimate == pytest.approx(difference, abs=5e-5)
    assert (found.high - found.low) / 2 / stats.norm.ppf(0.975) == pytest.approx(error, abs=5e-5)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.estimate) / error), abs=1e-3)


def test_interval_is_delongs_on_the_logit_scale() -> None:
    scores, labels = made_up(decimals=8)
    found = area_under_curve(scores, labels, confidence=0.9)
    odds = np.log(found.estimate / (1 - found.estimate))
    reach = stats.norm.ppf(0.95) * found.standard_error / (found.estimate * (1 - found.estimate))
    assert [np.log(x / (1 - x)) for x in (found.low, found.high)] == pytest.approx([odds - reach, odds + reach])


def test_turning_the_score_round_mirrors_the_interval() -> None:
    scores, labels = made_up()
    found, turned = area_under_curve(scores, labels), area_under_curve(-scores, labels)
    assert (turned.estimate, turned.low, turned.high) == pytest.approx(
        (1 - found.estimate, 1 - found.high, 1 - found.low)
    )


def test_monotone_scores_do_not_matter() -> None:
    scores, labels = made_up()
    expected = area_under_curve(scores, labels)
    assert area_under_curve(np.exp(scores / 3), labels)[:4] == pytest.approx(expected[:4])


def test_groups_of_one_change_nothing_and_copies_of_a_patient_add_nothing() -> None:
    scores, labels = made_up()
    alone = area_under_curve(scores, labels)
    assert area_under_curve(scores, labels, groups=list(range(150)))[:4] == pytest.approx(alone[:4])
    copies = np.tile(scores, 3), np.tile(labels, 3)
    assert area_under_curve(*copies, groups=list(range(150)) * 3)[:4] == pytest.approx(alone[:4])
    assert area_under_curve(*copies).standard_error == pytest.approx(alone.standard_error / np.sqrt(3), rel=0.02)


def test_many_images_of_few_patients_are_few() -> None:
    scores, labels = made_up(300)
    separated, outcome = np.arange(300.0), (np.arange(300) >= 200).astype(int)
    for score, label in ((scores, labels), (separated, outcome)):
        # Three patients, one of them ill, with a hundred images each: no more is known than of one image of each.
        found = area_under_curve(score, label, groups=np.where(label == 1, 0, 1 + np.arange(300) % 2).tolist())
        assert found.method == "Newcombe"
        assert (found.low, found.high) == newcombe(found.estimate, 1, 2)
        assert found.high - found.low > 0.6
    assert area_under_curve(scores, labels).method == "DeLong"
    assert area_under_curve(scores, labels, groups=(np.arange(300) // 6).tolist()).method == "DeLong"
    assert area_under_curve(scores, labels, groups=(np.arange(300) // 15).tolist()).method == "Newcombe"


def test_patients_with_images_of_both_classes_have_obuchowskis_variance() -> None:
    scores, labels = made_up(90)
    groups = np.arange(90) // 4
    above, below = slow_placements(scores, labels)
    area = above.mean()
    pieces = np.zeros((2, groups.max() + 1))
    np.add.at(pieces[0], groups[labels == 1], above - area)
    np.add.at(pieces[1], groups[labels == 0], below - area)
    m, n = len(above), len(below)
    i10, i01, i = np.unique(groups[labels == 1]).size, np.unique(groups[labels == 0]).size, groups.max() + 1
    s10 = i10 / ((i10 - 1) * m) * (pieces[0] ** 2).sum()
    s01 = i01 / ((i01 - 1) * n) * (pieces[1] ** 2).sum()
    s11 = i / (i - 1) * (pieces[0] * pieces[1]).sum()
    expected = s10 / m + s01 / n + 2 * s11 / (m * n)
    found = area_under_curve(scores, labels, groups=groups.tolist())
    assert found.standard_error == pytest.approx(np.sqrt(expected))


def test_newcombe_bounds_solve_his_equation() -> None:
    area, m, n = 0.8, 12, 20
    for bound in newcombe(area, m, n):
        half = (m + n) / 2 - 1
        variance = bound * (1 - bound) / (m * n) * (1 + half * (1 - bound) / (2 - bound) + half * bound / (1 + bound))
        assert abs(area - bound) / np.sqrt(variance) == pytest.approx(stats.norm.ppf(0.975), rel=1e-6)


@pytest.mark.parametrize(
    ("scores", "labels", "area"), [([1, 2], [0, 1], 1.0), ([2, 1], [0, 1], 0.0), ([1, 1, 1], [0, 1, 1], 0.5)]
)
def test_a_handful_of_images_gives_a_wide_interval(scores: list[int], labels: list[int], area: float) -> None:
    found = area_under_curve(scores, labels)
    assert (found.estimate, found.method) == (area, "Newcombe")
    assert 0 <= found.low <= area <= found.high <= 1
    assert found.high - found.low > 0.75


def test_complete_separation_is_no_certainty() -> None:
    scores, labels = np.arange(200.0), (np.arange(200) >= 100).astype(int)
    found = area_under_curve(scores, labels)
    assert (found.estimate, found.high, found.method) == (1.0, 1.0, "Newcombe")
    assert 0.95 < found.low < 0.99
    assert area_under_curve(scores[60:], labels[60:]).low < found.low


def test_one_wrong_pair_is_not_taken_for_much_more_than_none() -> None:
    scores, labels = np.arange(200.0), (np.arange(200) >= 100).astype(int)
    labels[[99, 100]] = labels[[100, 99]]
    found = area_under_curve(scores, labels)
    assert (found.estimate, found.method) == (pytest.approx(0.9999), "Newcombe")
    assert found.low < 0.99


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_not_defined(label: int) -> None:
    found = area_under_curve([0.1, 0.5, 0.9], [label] * 3)
    assert found.method == "not defined"
    assert np.isnan(found[:4]).all()
    assert np.isnan(paired_areas([1, 2, 3], [3, 2, 1], [label] * 3)).all()
    with pytest.raises(ValueError, match="both classes"):
        roc_points([0.1, 0.5, 0.9], [label] * 3)


def test_paired_test_of_equal_rankings_and_of_opposite_ones() -> None:
    scores, labels = made_up()
    assert paired_areas(scores, 2 * scores + 1, labels) == (0.0, 0.0, 0.0, 1.0)
    separated = labels.astype(float)
    assert paired_areas(separated, -separated, labels) == (-1.0, -1.0, -1.0, 0.0)
    assert np.isnan(paired_areas([1, 2, 3], [2, 1, 3], [0, 0, 1])).all()


def test_paired_test_sees_what_two_intervals_hide() -> None:
    scores, labels = made_up(600, decimals=8)
    random = np.random.default_rng(2)
    worse = scores + 0.5 * random.normal(size=scores.size)
    found = paired_areas(scores, worse, labels)
    assert found.p < 0.05
    assert found.high < 0
    assert area_under_curve(worse, labels).high > area_under_curve(scores, labels).low


def test_points_are_those_of_scikit_learn() -> None:
    scores, labels = made_up()
    expected = roc_curve(labels, scores)
    found = roc_points(scores, labels)
    for name, values in zip(("false_positive_rate", "true_positive_rate", "threshold"), expected, strict=True):
        assert found[name].tolist() == values.tolist()
    assert found["threshold"][0] == np.inf


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        ([1.0, np.nan], [0, 1], "1 of 2 scores are not finite"),
        ([1.0, np.inf], [0, 1], "not finite"),
        ([1.0, 2.0], [0, 2], "labels must be 0 or 1"),
        ([1.0, 2.0, 3.0], [0, 1], "of one length"),
        ([[1.0, 2.0]], [[0, 1]], "of one length"),
    ],
)
def test_what_is_no_score_or_label_is_refused(scores: list, labels: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        area_under_curve(scores, labels)
