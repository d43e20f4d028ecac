"""Values of a configuration that nothing else would refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import UsageError

MASK_FORMATS = (".png", ".nii", ".nii.gz")


def check_settings(*, image_size: Sequence[int], percentiles: Sequence[float], mask_format: str = ".png") -> None:
    """Refuse what would run and give wrong images or no masks; to be called in a bundle's ``initialize``.

    A negative side would leave that side as it is, percentiles the wrong way round would turn grey levels over, and
    an unknown mask format would come to light only when the first mask is saved.

    Args:
        image_size: columns and rows that the network sees.
        percentiles: the two grey-level percentiles that become 0 and 1.
        mask_format: ending of the masks' names.

    Raises:
        UsageError: with the setting, what was found and what is accepted.
    """
    if not _is_pair(image_size, int) or min(image_size) < 1:
        raise UsageError(f"image_size: two whole numbers above 0 are needed, as in [256, 256], got {image_size}")
    if not _is_pair(percentiles, (int, float)) or not 0 <= percentiles[0] < percentiles[1] <= 100:
        raise UsageError(f"percentiles: two rising numbers from 0 to 100 are needed, as in [1, 99], got {percentiles}")
    if mask_format not in MASK_FORMATS:
        raise UsageError(f"mask_format: one of {', '.join(MASK_FORMATS)} is needed, got {mask_format}")


def _is_pair(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(item, kind) for item in value)
