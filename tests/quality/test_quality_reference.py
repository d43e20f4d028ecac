"""The reference and its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quality_views import view_of

from common.errors import UsageError
from common.quality import QualityReference, QualityReferenceError, View, fit_reference
from common.quality.fit import _discriminant
from common.quality.likeness import chest, film, halves
from common.quality.rules import chest_distance, lung_area, mirror_score, shape_distance
from common.quality.shape import lung_shape


def test_limits_leave_out_the_tails_of_both_lists(reference: QualityReference, views: list[View]) -> None:
    both = views[:50]
    assert reference.confidence_limit == pytest.approx(0.95 + 0.0005 * 49 * 0.005)
    areas = [lung_area(view) for view in both]
    assert reference.area_low == pytest.approx(np.quantile(areas, 0.0025))
    assert reference.area_high == pytest.approx(np.quantile(areas, 0.9975))
    distances = [chest_distance(view, reference) for view in both]
    assert reference.chest_limit == pytest.approx(np.quantile(distances, 0.995))
    assert reference.doubtful_limit == pytest.approx(np.quantile(distances, 0.95))
    assert reference.shape_limit == pytest.approx(np.quantile([shape_distance(v, reference) for v in both], 0.995))
    assert -1 < reference.mirror_limit < 1


def test_means_and_weights_come_from_the_training_list_alone(reference: QualityReference, views: list[View]) -> None:
    other = fit_reference(views[:40], views[50:60], {})
    for name in ("chest_mean", "turn_weights", "mirror_weights", "shape_mean", "shape_precision"):
        assert np.array_equal(getattr(other, name), getattr(reference, name)), name
    assert reference.chest_mean == pytest.approx(np.mean([chest(view) for view in views[:40]], axis=0))
    assert reference.shape_mean == pytest.approx(np.mean([lung_shape(view) for view in views[:40]], axis=0))


def test_upright_and_unmirrored_score_one_on_average(reference: QualityReference, views: list[View]) -> None:
    assert np.mean([(film(view) * reference.turn_weights).sum() for view in views[:40]]) == pytest.approx(1)
    assert np.mean([mirror_score(view, reference) for view in views[:40]]) == pytest.approx(1)


def test_the_discriminant_is_that_of_fisher() -> None:
    rng = np.random.default_rng(0)
    covariance = np.array([[2.0, 0.6], [0.6, 1.0]])
    centre = np.array([0.5, -1.0])
    weights = _discriminant(centre, covariance)
    ridge = covariance + 0.1 * 1.5 * np.eye(2)

    def separation(direction: np.ndarray) -> float:
        return float((direction @ centre) ** 2 / (direction @ ridge @ direction))

    assert weights @ centre == pytest.approx(1)
    assert all(separation(weights) >= separation(direction) for direction in rng.standard_normal((200, 2)))


def test_the_limit_of_mirroring_comes_from_radiographs_that_were_held_out(
    reference: QualityReference, views: list[View]
) -> None:
    training = [halves(view) @ reference.mirror_weights for view in views[:40]]
    later = [halves(view) @ reference.mirror_weights for view in views[40:50]]
    assert reference.mirror_limit < np.quantile([*training, *later], 0.01)


def test_too_few_radiographs_are_refused(views: list[View]) -> None:
    empty = view_of(np.random.default_rng(0).random((64, 64)), np.zeros((64, 64)))
    with pytest.raises(UsageError, match=r"^4 training radiographs with two lungs; at least 5 are needed$"):
        fit_reference([*views[:4], empty], [], {})


def test_the_file_keeps_five_digits(reference: QualityReference, tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    reference.save(path)
    found = QualityReference.load(path)
    for name, value in vars(reference).items():
        if name == "origin":
            assert found.origin == value
        else:
            assert np.allclose(getattr(found, name), value, rtol=1e-4, atol=1e-12), name
    found.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("damage", ["absent", "text", "incomplete", "short"])
def test_other_files_are_refused_in_one_line(reference: QualityReference, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "quality.json"
    reference.save(path)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if damage == "absent":
        path.unlink()
    elif damage == "text":
        path.write_text("limits", encoding="utf-8")
    elif damage == "incomplete":
        path.write_text(json.dumps({**content, "chest_mean": None}), encoding="utf-8")
    else:
        path.write_text(json.dumps({**content, "shape_mean": content["shape_mean"][:-1]}), encoding="utf-8")
    what = "No such file or directory" if damage == "absent" else "not a reference of the quality rules"
    with pytest.raises(QualityReferenceError, match=rf"quality\.json: {what}; make one with python -m common\.quality"):
        QualityReference.load(path)
