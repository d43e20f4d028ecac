"""Majority, union and intersection."""

from __future__ import annotations

import numpy as np
import pytest

from common.fusion import FusionError, fuse_masks, staple, vote

A = np.array([[1, 1, 1, 0, 0, 0]], dtype=bool)
B = np.array([[1, 1, 0, 1, 0, 0]], dtype=bool)
C = np.array([[1, 0, 0, 0, 1, 0]], dtype=bool)
EMPTY = np.zeros_like(A)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("majority", [1, 1, 0, 0, 0, 0]),
        ("union", [1, 1, 1, 1, 1, 0]),
        ("intersection", [1, 0, 0, 0, 0, 0]),
    ],
)
def test_the_three_rules(rule: str, expected: list[int]) -> None:
    fusion = vote(np.stack([A, B, C]), rule)
    assert fusion.consensus.astype(int).tolist() == [expected]
    assert fusion.probability == pytest.approx(np.array([[1, 2 / 3, 1 / 3, 1 / 3, 1 / 3, 0]]))


def test_half_of_the_raters_is_a_tie() -> None:
    masks = np.stack([A, B])
    assert vote(masks, "majority").consensus.astype(int).tolist() == [[1, 1, 0, 0, 0, 0]]
    assert vote(masks, "majority", tie="foreground").consensus.astype(int).tolist() == [[1, 1, 1, 1, 0, 0]]


def test_an_empty_mask_counts_or_not() -> None:
    masks = np.stack([A, B, EMPTY])
    assert not vote(masks, "intersection").consensus.any()
    fusion = vote(masks, "intersection", empty="ignore")
    assert fusion.consensus.astype(int).tolist() == [[1, 1, 0, 0, 0, 0]]
    assert np.isnan(fusion.sensitivity[2])
    assert not vote(np.stack([EMPTY, EMPTY]), "union", empty="ignore").consensus.any()


def test_sensitivity_and_specificity_are_those_against_the_consensus() -> None:
    fusion = vote(np.stack([A, B, C]), "majority")
    assert fusion.sensitivity.tolist() == [1, 1, 0.5]
    assert fusion.specificity.tolist() == [0.75, 0.75, 0.75]
    nothing = vote(np.stack([EMPTY, C]), "intersection")
    assert np.isnan(nothing.sensitivity).all()
    assert nothing.specificity == pytest.approx([1, 4 / 6])


def test_one_entry_leads_to_all_methods() -> None:
    masks = np.stack([A, B, C])
    assert np.array_equal(fuse_masks(masks, "union").consensus, A | B | C)
    assert np.array_equal(fuse_masks(masks, threshold=0.4).consensus, staple(masks, threshold=0.4).consensus)


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(FusionError, match=r"^method: one of majority, union, intersection is needed, got average$"):
        fuse_masks(np.stack([A, B]), "average")
    with pytest.raises(FusionError, match="no rater"):
        vote(np.zeros((0, 2, 2), dtype=bool), "union")
