"""Consensus of label maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_up_raters import ellipse

from common.fusion import FusionError, fuse_label_maps, staple

SHAPE = (40, 50)
ONE, TWO = ellipse(SHAPE, (15, 15), (9, 8)), ellipse(SHAPE, (25, 34), (8, 10))
TRUTH = np.where(ONE, 3, np.where(TWO, 200, 0)).astype(np.uint8)


def noisy(error: float, seed: int, truth: np.ndarray = TRUTH) -> np.ndarray:
    """A rater who gives any of the three labels to a share of the pixels."""
    random = np.random.default_rng(seed)
    return np.where(random.random(truth.shape) < error, random.choice([0, 3, 200], truth.shape), truth).astype(np.uint8)


RATERS = np.stack([noisy(0.1, 0), noisy(0.2, 1), noisy(0.5, 2), noisy(0.3, 3), noisy(0.3, 4)])


@pytest.mark.parametrize("region", ["disputed", "image"])
def test_labels_and_raters_are_recovered(region: str) -> None:
    fusion = fuse_label_maps(RATERS, region=region)
    assert fusion.labels.tolist() == [0, 3, 200]
    assert fusion.consensus.dtype == np.uint8
    assert (fusion.consensus == TRUTH).mean() > 0.98
    assert (fusion.consensus == TRUTH).mean() >= (fuse_label_maps(RATERS, "majority").consensus == TRUTH).mean()
    assert fusion.probability.sum(axis=0) == pytest.approx(np.ones(SHAPE))
    assert fusion.performance.sum(axis=1) == pytest.approx(np.ones((5, 3)))
    places = {label: label == TRUTH for label in (0, 3, 200)}
    true = [[(rater[place] == label).mean() for label, place in places.items()] for rater in RATERS]
    assert fusion.sensitivity == pytest.approx(np.array(true), abs=0.05)
    assert fusion.converged


def test_two_labels_are_binary_staple() -> None:
    masks = RATERS == 3
    maps, binary = fuse_label_maps(masks.astype(np.int32) * 9), staple(masks)
    assert maps.labels.tolist() == [0, 9]
    assert maps.probability[1] == pytest.approx(binary.probability, abs=1e-12)
    assert maps.sensitivity[:, 1] == pytest.approx(binary.sensitivity, abs=1e-12)
    assert maps.specificity[:, 1] == pytest.approx(binary.specificity, abs=1e-9)
    assert maps.sensitivity[:, 0] == pytest.approx(binary.specificity, abs=1e-12)


def test_volumes_are_fused_as_well() -> None:
    volume = np.repeat(TRUTH[..., None], 6, axis=2)
    raters = np.stack([noisy(0.2, seed, volume) for seed in range(4)])
    assert (fuse_label_maps(raters).consensus == volume).mean() > 0.98


def test_the_order_of_raters_does_not_matter() -> None:
    order = [2, 4, 0, 1, 3]
    one, other = fuse_label_maps(RATERS), fuse_label_maps(RATERS[order])
    assert np.array_equal(one.probability, other.probability)
    assert np.array_equal(one.performance[order], other.performance)


@pytest.mark.parametrize("method", ["staple", "majority"])
def test_equal_raters_are_reproduced(method: str) -> None:
    fusion = fuse_label_maps(np.stack([TRUTH] * 3), method)
    assert np.array_equal(fusion.consensus, TRUTH)
    assert np.array_equal(fusion.performance, np.stack([np.eye(3)] * 3))
    assert (fusion.specificity == 1).all()
    assert fusion.iterations == 0


def test_a_tie_is_undecided() -> None:
    maps = np.array([[[0, 1, 1, 2]], [[0, 1, 2, 1]]])
    assert fuse_label_maps(maps, "majority").consensus.tolist() == [[0, 1, 0, 0]]
    assert fuse_label_maps(maps, "majority", undecided=9).consensus.tolist() == [[0, 1, 9, 9]]
    assert fuse_label_maps(maps, margin=0, undecided=9).consensus.tolist() == [[0, 1, 9, 9]]


def test_a_threshold_leaves_weak_labels_undecided() -> None:
    maps = np.array([[[0, 1, 1, 2]], [[0, 1, 1, 1]], [[0, 1, 2, 0]]])
    fusion = fuse_label_maps(maps, "majority", threshold=0.7, undecided=5)
    assert fusion.consensus.tolist() == [[0, 1, 5, 5]]
    assert fuse_label_maps(maps, "majority", undecided=5).consensus.tolist() == [[0, 1, 1, 5]]


@pytest.mark.parametrize("method", ["staple", "majority"])
def test_maps_of_zeros(method: str) -> None:
    nothing = np.zeros((2, 5, 5), dtype=np.uint8)
    for empty in ("count", "ignore"):
        fusion = fuse_label_maps(nothing, method, empty=empty)
        assert not fusion.consensus.any()
        assert fusion.labels.tolist() == [0]
    one = np.concatenate([nothing[:1], np.ones((2, 5, 5), dtype=np.uint8)])
    fusion = fuse_label_maps(one, method, empty="ignore")
    assert fusion.consensus.all()
    assert np.isnan(fusion.sensitivity[0]).all()


def test_a_prior_moves_the_posterior() -> None:
    towards = fuse_label_maps(RATERS, prior=[0.01, 0.98, 0.01]).probability[1].sum()
    away = fuse_label_maps(RATERS, prior=[0.98, 0.01, 0.01]).probability[1].sum()
    assert towards > away


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": [0.5, 0.5]}, "prior: a positive number for each of the labels 0, 3, 200 is needed, got [0.5, 0.5]"),
        ({"prior": [1, 0, 1]}, "prior: a positive number for each of the labels 0, 3, 200 is needed, got [1, 0, 1]"),
        ({"method": "union"}, "method: one of staple, majority is needed, got union"),
        ({"threshold": 1.0}, "threshold: a number from 0 to 0.999999 is needed, got 1.0"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FusionError) as caught:
        fuse_label_maps(RATERS, **options)
    assert str(caught.value) == message
