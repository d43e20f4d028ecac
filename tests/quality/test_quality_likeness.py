"""Coarse pictures and their turns."""

from __future__ import annotations

import numpy as np
import pytest
from quality_views import made_view, view_of

from common.quality import View
from common.quality.likeness import chest, film, halves, turns
from common.quality.view import COARSE


def test_a_film_does_not_depend_on_brightness_and_contrast(phantoms: list[tuple[np.ndarray, np.ndarray]]) -> None:
    picture, lungs = phantoms[0]
    found = film(view_of(picture, lungs))
    assert found.shape == (COARSE, COARSE)
    assert found.mean() == pytest.approx(0, abs=1e-6)
    assert found.std() == pytest.approx(1, abs=1e-6)
    assert np.allclose(found, film(view_of(0.3 * picture + 0.2, lungs)), atol=1e-5)
    assert np.allclose(-found, film(view_of(1 - picture, lungs)), atol=1e-5)


def test_a_chest_is_the_film_and_the_lungs(views: list[View]) -> None:
    found = chest(views[0])
    assert np.array_equal(found[: COARSE**2], film(views[0]).ravel())
    assert found[COARSE**2 :].mean() == pytest.approx(3 * views[0].lungs.mean(), rel=1e-5)


def test_scores_go_round_with_the_film(views: list[View]) -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((COARSE, COARSE))
    upright = turns(film(views[0]), weights)
    assert upright[0] == pytest.approx((film(views[0]) * weights).sum())
    for turn in range(4):
        assert turns(np.rot90(film(views[0]), turn), weights)[:4] == pytest.approx(np.roll(upright[:4], -turn))
    negative = turns(-film(views[0]), weights)
    assert negative == pytest.approx(np.roll(upright, 4))


def test_mirroring_changes_the_sign_of_every_difference(phantoms: list[tuple[np.ndarray, np.ndarray]]) -> None:
    picture, lungs = phantoms[1]
    as_it_is, mirrored = halves(view_of(picture, lungs)), halves(view_of(picture[:, ::-1], lungs[:, ::-1]))
    assert as_it_is is not None
    assert mirrored is not None
    assert as_it_is.shape == (COARSE**2,)
    assert np.abs(as_it_is).max() > 0.5
    assert np.allclose(mirrored, -as_it_is, atol=1e-5)


def test_what_is_symmetric_has_no_difference() -> None:
    sides = np.zeros((64, 64), dtype=np.uint8)
    sides[8:24, 10:50], sides[40:56, 10:50] = 1, 2
    assert not halves(made_view(sides)).any()  # type: ignore[union-attr]
    assert halves(made_view(np.where(sides == 2, sides, 0))) is None
