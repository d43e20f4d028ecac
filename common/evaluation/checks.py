"""What every evaluation refuses: images listed twice, and a selection of which nothing could be judged."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..data.index import INDEX_NAME
from .errors import EvaluationError
from .masks import NO_TRUTH, OK


def refuse_twice(rows: pd.DataFrame, folder: Path) -> None:
    """Raise an :class:`EvaluationError` when an image is listed twice."""
    twice = rows.loc[rows["image"].duplicated(), "image"]
    if len(twice):
        raise EvaluationError(f"{folder / INDEX_NAME}: {len(twice)} images are listed twice, {twice.iloc[0]} first")


def require_compared(images: pd.DataFrame, place: object, truth: str) -> None:
    """Raise an :class:`EvaluationError` unless an image was compared.

    Args:
        images: one row an image with ``image``, ``status`` and ``reason``.
        place: where the predictions come from.
        truth: what is compared with, in words.
    """
    if (images["status"] == NO_TRUTH).all():
        raise EvaluationError(f"none of the {len(images)} selected rows of the index has {truth}")
    if not (images["status"] == OK).any():
        first = images[images["status"] != NO_TRUTH].iloc[0]
        raise EvaluationError(f"{place}: no image could be compared; {first['image']}: {first['reason']}")
