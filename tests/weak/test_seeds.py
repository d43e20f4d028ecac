from __future__ import annotations

import numpy as np
import pytest

from common.weak.dense_crf import CRFSettings
from common.weak.seeds import combine, evidence_seeds, label_above, refined_seeds

ALONE = CRFSettings(smooth_weight=0.0, colour_weight=0.0)


def test_the_two_levels_are_exact() -> None:
    below, above = np.nextafter(0.30, 0), np.nextafter(0.30, 1)
    maps = np.array([[[0.0, 0.05, np.nextafter(0.05, 1), 0.2, below, 0.30, above, 1.0]]])

    seeds = evidence_seeds(maps)

    # The level itself is the background's, as the first of equals.
    assert seeds.tolist() == [[0, 0, 255, 255, 255, 255, 1, 1]]


def test_the_strongest_of_several_classes_wins() -> None:
    maps = np.array([[[0.5, 0.4, 0.0, 0.2]], [[0.1, 0.9, 0.06, 0.31]], [[0.4, 0.9, 0.0, 0.1]]])
    assert label_above(maps, 0.3).tolist() == [[1, 2, 0, 2]]
    assert evidence_seeds(maps).tolist() == [[1, 2, 255, 2]]


def test_background_needs_both_labels() -> None:
    sure, possible = np.array([[0, 0, 2, 1]], np.uint8), np.array([[0, 1, 0, 1]], np.uint8)
    assert combine(sure, possible).tolist() == [[0, 255, 2, 1]]


def test_a_field_without_neighbours_changes_nothing() -> None:
    random = np.random.default_rng(0)
    maps, image = random.random((3, 9, 7)) ** 3, random.integers(0, 256, (9, 7)).astype(np.uint8)
    maps[1] = 0  # a class that the image lacks
    np.testing.assert_array_equal(refined_seeds(image, maps, settings=ALONE, engine="grid"), evidence_seeds(maps))


def test_no_evidence_gives_no_seeds() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 7)).astype(np.uint8)
    assert (refined_seeds(image, np.zeros((2, 9, 7)), engine="grid") == 0).all()


@pytest.mark.parametrize("classes", [1, 2])
def test_seeds_follow_the_outline_of_what_they_lie_on(classes: int) -> None:
    y, x = np.mgrid[:64, :64]
    truth = ((y - 32) ** 2 + (x - 32) ** 2 < 20**2).astype(np.uint8)
    image = (60 + 120 * truth).astype(np.uint8)
    blob = np.exp(-((y - 34) ** 2 + (x - 30) ** 2) / (2 * 14**2))  # evidence beside its object, wider than it
    maps = np.zeros((classes, 64, 64))
    maps[-1] = blob

    seeds = refined_seeds(image, maps, engine="grid")

    before = evidence_seeds(maps)
    assert ((before == classes) & (truth == 0)).sum() > 100
    assert set(np.unique(seeds)) <= {0, classes, 255}
    assert ((seeds == classes) & (truth == 0)).sum() < 20
    assert ((seeds == classes) & (truth == 1)).sum() > 0.95 * truth.sum()
