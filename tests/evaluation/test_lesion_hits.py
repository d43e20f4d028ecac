"""Which lesions are hits, and the curves that hits and false positives make."""

from __future__ import annotations

import numpy as np
import pytest
from monai.metrics import compute_fp_tp_probs_nd, compute_froc_curve_data

from common.metrics import (
    average_precision,
    detection_curve,
    froc,
    froc_score,
    hit_rule_text,
    lesion_hits,
    match_boxes,
    parse_hit_rule,
)

BOX = [10.0, 10.0, 20.0, 20.0]


def test_by_overlap_one_lesion_finds_one_box_and_every_other_is_false() -> None:
    """The second lesion is the true box moved by half of its width: an IoU of 1 / 3."""
    found, scores = [BOX, [20, 10, 20, 20], [60, 60, 5, 5]], [0.5, 0.9, 0.7]
    hits, false = lesion_hits(found, scores, [BOX], 0.2)
    assert hits.tolist() == [False, True, False]
    assert false.tolist() == [True, False, True]
    # At a higher IoU the weaker, better one counts.
    hits, false = lesion_hits(found, scores, [BOX], 0.5)
    assert hits.tolist() == [True, False, False]
    assert false.tolist() == [False, True, True]
    np.testing.assert_array_equal(hits, match_boxes(found, scores, [BOX], [0.5])[0])


def test_the_least_overlap_is_reached_exactly() -> None:
    half = [[10.0, 10.0, 10.0, 20.0]]
    assert lesion_hits(half, [1], [BOX], 0.5).hits.tolist() == [True]
    assert lesion_hits(half, [1], [BOX], 0.501).hits.tolist() == [False]


def test_by_centre_more_lesions_in_one_box_count_for_nothing() -> None:
    found = [[12, 12, 4, 4], [20, 20, 4, 4], [0, 0, 4, 4]]
    hits, false = lesion_hits(found, [0.2, 0.9, 0.5], [BOX], "centre")
    assert hits.tolist() == [False, True, False]
    assert false.tolist() == [False, False, True]


def test_by_centre_the_nearest_free_box_is_found() -> None:
    """Both centres lie in both boxes; the stronger lesion takes the box around it, the other one the other."""
    small, large = [18.0, 18.0, 6.0, 6.0], [0.0, 0.0, 60.0, 60.0]
    hits, false = lesion_hits([[19, 19, 4, 4], [18, 18, 4, 4]], [0.9, 0.3], [large, small], "centre")
    assert hits.tolist() == [True, True]
    assert not false.any()


@pytest.mark.parametrize(("x", "inside"), [(9.0, True), (8.99, False), (28.9, True), (29.0, False)])
def test_a_box_holds_its_left_edge_and_not_its_right_one(x: float, inside: bool) -> None:
    hits, false = lesion_hits([[x, 15, 2, 2]], [1], [BOX], "centre")
    assert (bool(hits[0]), bool(false[0])) == (inside, not inside)


@pytest.mark.parametrize("seed", range(4))
def test_centres_are_judged_as_by_monai(seed: int) -> None:
    """Boxes that do not overlap, as a mask of labels; centres are whole pixels."""
    random = np.random.default_rng(seed)
    truth = [[30 * column + 3, 30 * row + 5, 20, 15] for column in range(3) for row in range(2)]
    labels = np.zeros((90, 60), dtype=int)
    for number, (x, y, w, h) in enumerate(truth, start=1):
        labels[x : x + w, y : y + h] = number
    centres = np.stack([random.integers(2, 88, 25), random.integers(2, 58, 25)], axis=1)
    scores = random.permutation(25) / 25 + 0.01
    false_scores, hit_scores, targets = compute_fp_tp_probs_nd(scores, centres, labels)
    found = np.concatenate([centres - 2, np.full((25, 2), 4)], axis=1)
    hits, false = lesion_hits(found, scores, truth, "centre")
    np.testing.assert_allclose(np.sort(scores[hits]), np.sort(hit_scores[hit_scores > 0]), rtol=1e-6)
    np.testing.assert_allclose(np.sort(scores[false]), np.sort(false_scores))
    assert targets == len(truth)


def test_nothing_found_and_nothing_to_find() -> None:
    for rule in (0.2, "centre"):
        assert lesion_hits([], [], [BOX], rule).hits.shape == (0,)
        hits, false = lesion_hits([BOX], [1.0], [], rule)
        assert (hits.tolist(), false.tolist()) == ([False], [True])


@pytest.mark.parametrize("rule", [0, -0.1, 1.1, "nan", "center", ""])
def test_wrong_rules_are_refused(rule: float | str) -> None:
    with pytest.raises(ValueError, match="an IoU above 0 and at most 1, or centre, is accepted"):
        parse_hit_rule(rule)


def test_rules_are_read_and_said() -> None:
    assert parse_hit_rule("0.25") == 0.25
    assert parse_hit_rule(1) == 1
    assert hit_rule_text(parse_hit_rule("0.25")) == "IoU 0.25 or more with a true box"
    assert hit_rule_text(parse_hit_rule("centre")) == "centre in a true box"
    with pytest.raises(ValueError, match="as many scores"):
        lesion_hits([BOX], [1, 2], [BOX], "centre")


def test_points_of_one_hit_one_miss_and_one_false_positive() -> None:
    curve = detection_curve([0.6, 0.7], [True, False], 2, 1)
    assert curve.thresholds.tolist() == [0.7, 0.6]
    assert curve.sensitivity.tolist() == [0, 0.5]
    assert curve.false_positives.tolist() == [1, 1]
    assert curve.precision.tolist() == [0, 0.5]
    # Below one false positive an image nothing is found, from there on one of two.
    assert froc_score([0.6, 0.7], [True, False], 2, 1) == pytest.approx(4 * 0.5 / 7)


def test_equal_scores_enter_together_and_without_truth_there_is_no_sensitivity() -> None:
    curve = detection_curve([0.5, 0.5, 0.1], [True, False, True], 4, 2)
    assert curve.thresholds.tolist() == [0.5, 0.1]
    assert curve.sensitivity.tolist() == [0.25, 0.5]
    assert curve.false_positives.tolist() == [0.5, 0.5]
    none = detection_curve([0.5], [False], 0, 4)
    assert np.isnan(none.sensitivity).all()
    assert none.false_positives.tolist() == [0.25]
    assert np.isnan(froc_score([0.5], [False], 0, 4))
    assert detection_curve([], [], 3, 2).thresholds.size == 0
    assert froc_score([], [], 3, 2) == 0


@pytest.mark.parametrize("seed", range(5))
def test_curves_agree_with_the_figures_read_from_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, images = 40, 9
    scores, hits = random.integers(1, 15, count) / 16, random.random(count) < 0.4
    truth = int(hits.sum()) + 5
    curve = detection_curve(scores, hits, truth, images)
    rates = (0.125, 0.5, 1.0, 2.0, 8.0)
    read = [curve.sensitivity[curve.false_positives <= rate].max(initial=0) for rate in rates]
    np.testing.assert_allclose(read, froc(scores, hits, truth, images, rates))
    assert froc_score(scores, hits, truth, images, rates) == pytest.approx(np.mean(read))
    best = np.maximum.accumulate(curve.precision[::-1])[::-1]
    area = (np.diff(curve.sensitivity, prepend=0) * best).sum()
    assert area == pytest.approx(average_precision(scores, hits, truth))
    # MONAI's curve has the same points, but for the lowest score, in whose place it has the end of the curve.
    false, sensitivity = compute_froc_curve_data(scores[~hits], scores[hits], truth, images)
    points = set(zip(np.round(false, 9), np.round(sensitivity, 9), strict=True))
    own = list(zip(np.round(curve.false_positives, 9), np.round(curve.sensitivity, 9), strict=True))
    assert set(own[:-1]) <= points
