"""Values that would run and give wrong results."""

from __future__ import annotations

import re
from typing import Any

import pytest

from common.errors import UsageError
from common.settings import check_settings

GOOD: dict[str, Any] = {"image_size": [256, 512], "percentiles": [0.5, 99], "mask_format": ".nii.gz"}


def test_good_values_pass() -> None:
    check_settings(**GOOD)
    check_settings(image_size=(1, 1), percentiles=(0, 100))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": 256}, "image_size: two whole numbers above 0 are needed, as in [256, 256], got 256"),
        ({"image_size": [256]}, "image_size: .* got [256]"),
        ({"image_size": [256, -1]}, "image_size: .* got [256, -1]"),
        ({"image_size": [256.0, 256.0]}, "image_size: .* got [256.0, 256.0]"),
        ({"percentiles": [99, 1]}, "percentiles: two rising numbers from 0 to 100 are needed, .* got [99, 1]"),
        ({"percentiles": [5, 5]}, "percentiles: .* got [5, 5]"),
        ({"percentiles": [-1, 99]}, "percentiles: .* got [-1, 99]"),
        ({"percentiles": [1, 101]}, "percentiles: .* got [1, 101]"),
        ({"percentiles": None}, "percentiles: .* got None"),
        ({"mask_format": "png"}, "mask_format: one of .png, .nii, .nii.gz is needed, got png"),
    ],
)
def test_other_values_are_refused(change: dict[str, Any], message: str) -> None:
    pattern = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(UsageError, match=f"^{pattern}$"):
        check_settings(**{**GOOD, **change})
