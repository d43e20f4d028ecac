"""Evidence map to binary mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from skimage.filters import threshold_otsu

from common.errors import UsageError
from common.localization import BinariseEvidence, BinariseEvidenced, binarise

RAMP = np.arange(100, dtype=np.float32).reshape(10, 10) / 99


def test_rules() -> None:
    assert binarise(RAMP, "fraction", 0.5).sum() == 50
    assert np.array_equal(binarise(RAMP * 7, "fraction", 0.5), binarise(RAMP, "fraction", 0.5)), "of the maximum"
    assert binarise(RAMP * 7, "value", 0.5).sum() == (RAMP >= 0.5 / 7).sum()
    assert binarise(RAMP, "percentile", 90).sum() == 10
    assert np.array_equal(binarise(RAMP, "otsu", None), threshold_otsu(RAMP) < RAMP)
    assert binarise(RAMP).sum() == (RAMP >= 0.2).sum(), "20 % of the maximum is the default"


def test_otsu_parts_two_levels() -> None:
    two = np.where(RAMP > 0.8, 0.7, 0.1) + 0.01 * RAMP
    assert np.array_equal(binarise(two, "otsu"), RAMP > 0.8)


@pytest.mark.parametrize("rule", ["fraction", "percentile", "otsu"])
@pytest.mark.parametrize("level", [0.0, 0.3, -1.0])
def test_a_constant_map_has_no_strong_place(rule: str, level: float) -> None:
    assert not binarise(np.full((4, 5), level, dtype=np.float32), rule, 0.2).any()


def test_a_map_without_positive_evidence_has_no_fraction_of_its_maximum() -> None:
    assert not binarise(-RAMP - 1, "fraction", 0.2).any()


def test_zeros_around_a_crop_are_never_above_a_percentile() -> None:
    padded = np.pad(RAMP, 20)
    assert (padded[binarise(padded, "percentile", 50)] > 0).all()


@pytest.mark.parametrize(
    ("rule", "value", "message"),
    [
        ("max", 0.5, "threshold rule 'max': choose one of fraction, percentile, otsu, value"),
        ("fraction", 1.2, "threshold rule 'fraction' needs a value from 0 to 1, got 1.2"),
        ("percentile", None, "threshold rule 'percentile' needs a value from 0 to 100, got None"),
        ("value", float("nan"), "threshold rule 'value' needs a value"),
    ],
)
def test_wrong_settings_are_refused_early(rule: str, value: float | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        BinariseEvidenced("evidence", rule, value)


def test_values_that_are_no_numbers() -> None:
    with pytest.raises(ValueError, match="must be finite"):
        binarise(np.array([[0.0, np.nan]]))


def test_transforms_keep_type_and_metadata() -> None:
    expected = binarise(RAMP, "fraction", 0.7)[None]
    evidence = MetaTensor(torch.from_numpy(RAMP)[None], meta={"filename_or_obj": "a.png"})
    out = BinariseEvidenced("evidence", "fraction", 0.7)({"evidence": evidence, "other": 1})
    assert isinstance(out["evidence"], MetaTensor)
    assert out["evidence"].meta["filename_or_obj"] == "a.png"
    assert out["evidence"].dtype == torch.uint8
    assert np.array_equal(out["evidence"].numpy(), expected)
    assert out["other"] == 1
    array = BinariseEvidence("fraction", 0.7)(RAMP[None])
    assert isinstance(array, np.ndarray)
    assert np.array_equal(array, expected)
    with pytest.raises(ValueError, match=r"BinariseEvidence: expected a map of shape \[1, W, H\], got \(10, 10\)"):
        BinariseEvidence()(RAMP)
