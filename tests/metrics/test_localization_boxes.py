"""Overlap and matching of boxes, average precision, hit rate and FROC: by hand and by independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.apps.detection.metrics.matching import matching_batch
from monai.data.box_utils import box_iou
from monai.metrics import compute_average_precision, compute_froc_curve_data

from common.metrics import average_precision, box_overlap, froc, hit_rate, match_boxes


def _random_boxes(random: np.random.Generator, count: int) -> np.ndarray:
    return np.concatenate([random.uniform(0, 60, (count, 2)), random.uniform(5, 40, (count, 2))], axis=1)


def _corners(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def test_overlap_by_hand() -> None:
    found = [[0, 0, 2, 1], [10, 10, 4, 4], [0, 0, 0, 0]]
    truth = [[0, 0, 1, 1], [12, 12, 4, 4]]
    assert box_overlap(found, truth).tolist() == [[0.5, 0], [0, 4 / 28], [0, 0]]
    assert box_overlap(found, truth, "iobb").tolist() == [[0.5, 0], [0, 4 / 16], [0, 0]]
    assert box_overlap([[1, 1, 2, 2]], [[0, 0, 9, 9]], "iobb").tolist() == [[1]]
    assert box_overlap([], truth).shape == (0, 2)


def test_overlap_equals_that_of_monai() -> None:
    random = np.random.default_rng(0)
    found, truth = _random_boxes(random, 20), _random_boxes(random, 15)
    expected = box_iou(_corners(found), _corners(truth))
    np.testing.assert_allclose(box_overlap(found, truth), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0, 0, 1]], "got the shape"),
        ([[0, 0, -1, 2]], "w and h at least 0"),
        ([[0, 0, float("nan"), 2]], "finite"),
    ],
)
def test_impossible_boxes(boxes: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        box_overlap(boxes, [[0, 0, 1, 1]])
    with pytest.raises(ValueError, match="overlap 'giou': choose one of iou, iobb"):
        box_overlap([], [], "giou")


def test_matching_is_one_to_one_and_by_score() -> None:
    truth = [[0, 0, 10, 10], [20, 0, 10, 10]]
    found = [[0, 0, 10, 9], [0, 0, 10, 10], [21, 0, 10, 10], [50, 50, 5, 5]]
    # The second box is the better one, but the first goes first; both at once would count one lesion twice.
    assert match_boxes(found, [0.9, 0.8, 0.7, 0.6], truth, [0.5]).tolist() == [[True, False, True, False]]
    assert match_boxes(found, [0.8, 0.9, 0.7, 0.6], truth, [0.5]).tolist() == [[False, True, True, False]]
    # At an overlap of 0.95 only the exact one remains; scores do not change that.
    assert match_boxes(found, [0.9, 0.8, 0.7, 0.6], truth, [0.95]).tolist() == [[False, True, False, False]]
    # One box that lies over two lesions takes the nearer one and leaves the other free.
    assert match_boxes([[0, 0, 30, 10], [0, 0, 28, 10]], [1, 0.5], truth, [0.25]).tolist() == [[True, True]]


def test_an_overlap_of_exactly_the_threshold_counts() -> None:
    assert match_boxes([[0, 0, 2, 1]], [1], [[0, 0, 1, 1]], [0.5]).all()


@pytest.mark.parametrize("seed", range(8))
def test_matching_equals_that_of_monai(seed: int) -> None:
    random = np.random.default_rng(seed)
    found, truth = _random_boxes(random, 12), _random_boxes(random, 6)
    scores = random.random(12)
    thresholds = (0.1, 0.3, 0.5)
    reference = matching_batch(
        box_iou,
        thresholds,
        [_corners(found)],
        [np.zeros(12, dtype=int)],
        [scores],
        [_corners(truth)],
        [np.zeros(6, dtype=int)],
    )[0][0]
    order = np.argsort(-scores, kind="stable")
    assert np.array_equal(match_boxes(found, scores, truth, thresholds)[:, order], reference["dtMatches"] > 0)


def test_nothing_found_or_nothing_there() -> None:
    assert match_boxes([], [], [[0, 0, 1, 1]], [0.1, 0.5]).shape == (2, 0)
    assert match_boxes([[0, 0, 1, 1]], [1], [], [0.1]).tolist() == [[False]]
    with pytest.raises(ValueError, match="1 boxes need as many scores"):
        match_boxes([[0, 0, 1, 1]], [], [])


def _average_precision_by_definition(scores: np.ndarray, hits: np.ndarray, num_truth: int) -> float:
    """Integral over the recall of the best precision at this or higher recall, on a fine grid of true boxes."""
    points = []
    for threshold in sorted(set(scores)):
        chosen = hits[scores >= threshold]
        points.append((chosen.sum() / num_truth, chosen.sum() / len(chosen)))
    total = 0.0
    for step in range(1, num_truth + 1):
        total += max((p for r, p in points if r >= step / num_truth - 1e-12), default=0.0) / num_truth
    return total


def test_average_precision_by_hand() -> None:
    # Precision and recall: 1 at 1/3, 1/2 at 1/3, 2/3 at 2/3; the third lesion is never found.
    assert average_precision([0.9, 0.8, 0.7], [1, 0, 1], 3) == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
    # The order of input does not matter.
    assert average_precision([0.7, 0.9, 0.8], [1, 1, 0], 3) == pytest.approx(5 / 9)
    # Interpolated: the false positive before the only hit costs half, wherever the curve dips.
    assert average_precision([0.9, 0.8, 0.7, 0.6], [0, 1, 1, 1], 3) == pytest.approx(3 / 4)
    assert average_precision([0.5, 0.4], [1, 1], 2) == 1
    assert average_precision([0.5, 0.4], [0, 0], 2) == 0
    assert average_precision([], [], 2) == 0
    assert np.isnan(average_precision([], [], 0))
    assert np.isnan(average_precision([0.3], [0], 0))


def test_equal_scores_enter_together() -> None:
    assert average_precision([0.5] * 4, [1, 0, 1, 0], 2) == 0.5
    assert average_precision([0.5] * 4, [0, 0, 1, 1], 2) == 0.5


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_equals_its_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 12, 30) / 12
    hits = random.random(30) < scores
    num_truth = int(hits.sum()) + seed
    expected = _average_precision_by_definition(scores, hits, num_truth)
    assert average_precision(scores, hits, num_truth) == pytest.approx(expected, abs=1e-12)


def test_average_precision_equals_the_plain_one_where_precision_only_falls() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    hits = np.array([1, 1, 1, 0, 0])
    plain = compute_average_precision(torch.from_numpy(scores), torch.from_numpy(hits))
    assert average_precision(scores, hits, 3) == pytest.approx(float(plain))


def test_hit_rate() -> None:
    assert hit_rate([True, False, True], 4) == 0.5
    assert hit_rate([], 4) == 0
    assert np.isnan(hit_rate([False], 0))


def test_froc_by_hand() -> None:
    # Two images, four lesions: hit, false, hit, false, false, hit from the highest score down.
    scores, hits = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [1, 0, 1, 0, 0, 1]
    assert froc(scores, hits, 4, 2, [0, 0.4, 0.5, 1, 1.5, 8]).tolist() == [0.25, 0.25, 0.5, 0.5, 0.75, 0.75]
    assert froc([0.5, 0.5], [1, 0], 1, 1, [0, 1]).tolist() == [0, 1], "equal scores enter together"
    assert froc([], [], 3, 2, [1]).tolist() == [0]
    assert np.isnan(froc([0.5], [0], 0, 2, [1])).all()


def test_froc_agrees_with_the_curve_of_monai() -> None:
    random = np.random.default_rng(2)
    scores = random.random(40)
    hits = random.random(40) < 0.5
    # It leaves out the lowest score: one more false positive, below all others, is for it to lose.
    rates, found = compute_froc_curve_data(np.append(scores[~hits], -1), scores[hits], 25, 10)
    np.testing.assert_allclose(froc(scores, hits, 25, 10, rates), [found[rates <= rate].max() for rate in rates])


def test_scores_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="of one length"):
        average_precision([0.1, 0.2], [1], 1)
    with pytest.raises(ValueError, match="not a number"):
        froc([float("nan")], [1], 1, 1)
