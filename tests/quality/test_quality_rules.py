"""Which words are given for what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from quality_views import view_of

from common.quality import FLAGS, QualityReference, View, assess
from common.quality.rules import chest_distance, mirror_score

Pair = tuple[np.ndarray, np.ndarray]


def found(pair: Pair, reference: QualityReference, confidence: float = 0.99) -> set[str]:
    return set(assess(view_of(*pair, confidence=confidence), reference).flags)


def test_most_phantoms_that_were_not_fitted_are_not_flagged(reference: QualityReference, views: list[View]) -> None:
    flagged = [assess(replace(view, confidence=0.99), reference).flags for view in views[50:]]
    assert sum(bool(flags) for flags in flagged) <= 4, flagged
    assert not any({"upside_down", "sideways", "maybe_inverted"} & set(flags) for flags in flagged)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda array: np.rot90(array, 1), "sideways"),
        (lambda array: np.rot90(array, 2), "upside_down"),
        (lambda array: np.rot90(array, 3), "sideways"),
    ],
)
def test_turned_films_are_named(change: object, word: str, reference: QualityReference, phantoms: list[Pair]) -> None:
    turned = [found((change(image), change(lungs)), reference) for image, lungs in phantoms[50:]]  # type: ignore[operator]
    assert all(word in flags for flags in turned)
    assert not any("maybe_mirrored" in flags for flags in turned)


def test_negatives_are_named(reference: QualityReference, phantoms: list[Pair]) -> None:
    flags = [found((1 - image, lungs), reference) for image, lungs in phantoms[50:]]
    assert all({"maybe_inverted", "not_frontal_chest"} <= words for words in flags)
    assert not any({"upside_down", "sideways"} & words for words in flags)


def test_mirrored_films_are_named_where_the_rest_is_as_usual(reference: QualityReference, phantoms: list[Pair]) -> None:
    mirrored = [view_of(image[:, ::-1], lungs[:, ::-1]) for image, lungs in phantoms[50:]]
    scores = [mirror_score(view, reference) for view in mirrored]
    assert sum(score < reference.mirror_limit for score in scores) >= 18
    words = [set(assess(view, reference).flags) for view in mirrored]
    upright = [("maybe_mirrored" in flags) for flags in words if "not_frontal_chest" not in flags]
    assert len(upright) >= 5
    assert sum(upright) >= len(upright) - 2
    assert not any({"maybe_mirrored", "not_frontal_chest"} <= flags for flags in words)


def test_lungs_are_counted(reference: QualityReference, phantoms: list[Pair]) -> None:
    image, lungs = phantoms[50]
    one = lungs.copy()
    one[:, 48:] = False
    none = np.zeros_like(lungs)
    assert "one_lung" in found((image, one), reference)
    assert "no_lungs" in found((image, none), reference)
    assert not {"one_lung", "unusual_lung_area", "unusual_lung_shape"} & found((image, none), reference)


def test_area_is_bounded_on_both_sides(reference: QualityReference, phantoms: list[Pair]) -> None:
    image, lungs = phantoms[50]
    thin = lungs & (np.arange(96)[:, None] < 40)
    thick = np.zeros_like(lungs)
    thick[6:90, 4:46] = thick[6:90, 50:92] = True
    for mask in (thin, thick):
        assert "unusual_lung_area" in found((image, mask), reference)
    assert "unusual_lung_shape" in found((image, thick), reference)


def test_confidence_is_bounded_below(reference: QualityReference, phantoms: list[Pair]) -> None:
    limit = reference.confidence_limit
    assert "low_confidence" in found(phantoms[0], reference, confidence=limit - 1e-6)
    assert "low_confidence" not in found(phantoms[0], reference, confidence=limit)


def test_two_doubts_confirm_each_other(reference: QualityReference, views: list[View]) -> None:
    distances = [chest_distance(view, reference) for view in views[:50]]
    between = next(
        view
        for view, distance in zip(views, distances, strict=False)
        if reference.doubtful_limit < distance < reference.chest_limit
    )
    assert "not_frontal_chest" not in assess(replace(between, confidence=0.99), reference).flags
    assert "not_frontal_chest" in assess(replace(between, confidence=0.9), reference).flags
    assert "not_frontal_chest" not in assess(replace(views[int(np.argmin(distances))], confidence=0.9), reference).flags


def test_a_nearly_constant_picture_has_low_contrast(reference: QualityReference) -> None:
    speck = np.full((96, 96), 30.0)
    speck[40:50, 40:50] = 220
    assert {"low_contrast", "no_lungs", "not_frontal_chest"} <= found((speck, np.zeros((96, 96))), reference)
    # A film with a broad black margin is not even.
    speck[:48] = np.random.default_rng(0).random((48, 96))
    assert "low_contrast" not in found((speck, np.zeros((96, 96))), reference)


def test_noise_and_stripes_are_no_chest(reference: QualityReference, phantoms: list[Pair]) -> None:
    rng = np.random.default_rng(0)
    stripes = np.broadcast_to(np.sin(np.arange(96) / 5), (96, 96))
    for picture in (rng.random((96, 96)), stripes):
        for lungs in (np.zeros((96, 96)), phantoms[0][1][::-1]):
            assert "not_frontal_chest" in found((picture, lungs), reference)


def test_words_keep_their_order_and_the_numbers_come_along(reference: QualityReference) -> None:
    picture = np.random.default_rng(0).random((96, 96))
    quality = assess(view_of(picture, np.zeros((96, 96)), confidence=0.1), reference)
    assert quality.flags == tuple(sorted(quality.flags, key=FLAGS.index))
    assert quality.confidence == 0.1
    assert quality.chest_distance > 1
