"""Agreement of raters against published and independently computed figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from common.fusion import cohen_kappa, fleiss_kappa, pair_counts, pair_dice


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        # Worked examples of the textbooks: 0.4, and two tables of equal agreement and different margins.
        ([[20, 5], [10, 15]], 0.4),
        ([[45, 15], [25, 15]], 0.1304347826),
        ([[25, 35], [5, 35]], 0.2592592593),
        # sklearn.metrics.cohen_kappa_score 1.9.1 on 40 random subjects.
        ([[13, 2, 1], [2, 8, 3], [1, 2, 8]], 0.5833333333333333),
        ([[7, 2, 0], [2, 14, 3], [0, 3, 9]], 0.6055226824457594),
        ([[7, 2, 0], [3, 13, 2], [1, 1, 11]], 0.6551724137931034),
        ([[5, 0], [0, 7]], 1),
        ([[0, 6], [6, 0]], -1),
        ([[6, 6], [6, 6]], 0),
    ],
)
def test_cohen_kappa(table: list[list[int]], kappa: float) -> None:
    assert cohen_kappa(table) == pytest.approx(kappa, abs=1e-9)
    assert cohen_kappa(np.transpose(table)) == pytest.approx(kappa, abs=1e-9)


#: The psychiatric diagnoses' scheme of Fleiss 1971 as every textbook has it: ten subjects, fourteen raters.
FOURTEEN = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


@pytest.mark.parametrize(
    ("votes", "kappa"),
    [
        (FOURTEEN, 0.20993070442195522),
        # statsmodels.stats.inter_rater.fleiss_kappa 0.15.0 on random votes.
        (
            [[1, 3, 1], [3, 1, 1], [5, 0, 0], [5, 0, 0], [1, 4, 0], [2, 0, 3], [0, 0, 5], [0, 2, 3]],
            0.42418426103646834,
        ),
        ([[4, 0, 1], [0, 1, 4], [0, 1, 4], [0, 3, 2], [0, 5, 0], [1, 0, 4], [0, 3, 2], [0, 5, 0]], 0.4178794178794179),
        ([[3, 0], [0, 3]], 1),
    ],
)
def test_fleiss_kappa(votes: list[list[int]], kappa: float) -> None:
    assert fleiss_kappa(votes) == pytest.approx(kappa, abs=1e-12)


def test_weights_are_repetitions() -> None:
    votes, often = np.array([[3, 0], [1, 2], [0, 3]]), np.array([5, 2, 4])
    assert fleiss_kappa(votes, often) == pytest.approx(fleiss_kappa(np.repeat(votes, often, axis=0)))


def test_two_raters_of_equal_margins_give_one_kappa() -> None:
    # Fleiss' kappa of two raters is Scott's pi, which is Cohen's where both use the labels equally often.
    assert fleiss_kappa([[2, 0], [1, 1], [0, 2]], [20, 10, 20]) == pytest.approx(cohen_kappa([[20, 5], [5, 20]]))


def test_there_is_no_kappa_without_a_second_label() -> None:
    assert math.isnan(cohen_kappa([[9, 0], [0, 0]]))
    assert math.isnan(cohen_kappa([[0, 0], [0, 0]]))
    assert math.isnan(fleiss_kappa([[3, 0], [3, 0]]))
    assert math.isnan(fleiss_kappa([[3, 0]], [0]))


@pytest.mark.parametrize("votes", [[[2, 0], [3, 0]], [[1, 0], [0, 1]]])
def test_fleiss_wants_the_same_number_of_raters(votes: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="the same number of raters, two at least"):
        fleiss_kappa(votes)


def test_pairs_are_counted_once_each_way() -> None:
    masks = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]], dtype=bool)
    counts = pair_counts(masks)
    assert counts[0, 1].tolist() == [[1, 1], [2, 1]]
    assert counts[1, 0].tolist() == [[1, 2], [1, 1]]
    assert counts[0, 0].tolist() == [[2, 0], [0, 3]]
    dice = pair_dice(counts)
    assert dice == pytest.approx(np.array([[1, 0.4, 0], [0.4, 1, 0], [0, 0, 1]]))
