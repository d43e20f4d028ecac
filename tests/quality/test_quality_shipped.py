"""The shipped weights and the shipped limits on phantoms, which neither has seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.data import radiograph_phantom
from common.data.phantom_files import write_picture
from common.inference_config import read_inference
from common.quality import QualityReference, assess
from common.quality.collect import collect_views

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "lung_seg"

CASES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], set[str]]] = {
    "upright": (lambda film: film, set()),
    "rotated by 90": (lambda film: np.rot90(film), {"sideways"}),
    "rotated by 180": (lambda film: np.rot90(film, 2), {"upside_down", "unusual_lung_shape"}),
    "mirrored": (np.fliplr, {"maybe_mirrored"}),
    "inverted": (lambda film: 255 - film, {"maybe_inverted", "not_frontal_chest", "low_confidence"}),
    "noise": (lambda film: np.random.default_rng(0).integers(0, 256, film.shape), {"not_frontal_chest"}),
}


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Flags of each case."""
    folder = tmp_path_factory.mktemp("films")
    film = radiograph_phantom((256, 256), seed=20).image
    for name, (change, _) in CASES.items():
        write_picture(folder / f"{name}.png", np.ascontiguousarray(change(film), dtype=np.uint8))
    config = read_inference(BUNDLE, overrides={"quality_flags": True})
    views = collect_views(config, [{"image": str(folder / f"{name}.png")} for name in CASES])
    reference = QualityReference.load(BUNDLE / "models" / "quality.json")
    return {name: set(assess(view, reference).flags) for name, view in zip(CASES, views, strict=True)}


@pytest.mark.parametrize("case", CASES)
def test_each_case_is_told(case: str, flags: dict[str, set[str]]) -> None:
    expected = CASES[case][1]
    assert expected <= flags[case]
    if case == "upright":
        assert not flags[case]
