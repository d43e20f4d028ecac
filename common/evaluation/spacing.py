"""Size of a pixel of each evaluated image in millimetres, where it is known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from .errors import EvaluationError

#: Size of a pixel in mm, along the picture's rows (x, from column to column) and along its columns (y).
Spacing = tuple[float, float]


def parse_spacing(options: Iterable[str]) -> dict[str, Spacing]:
    """Read ``site=mm`` or ``site=x,y`` texts, as given on a command line.

    Raises:
        EvaluationError: a text of another form, a length that is not positive, or a site given twice.
    """
    spacing: dict[str, Spacing] = {}
    for option in options:
        site, _, lengths = option.rpartition("=")
        values = [_length(text) for text in lengths.split(",")]
        if not site or len(values) not in (1, 2) or any(math.isnan(value) for value in values):
            raise EvaluationError(f"spacing {option}: accepted is site=mm or site=x,y, for example jsrt=0.7")
        if site in spacing:
            raise EvaluationError(f"spacing {option}: the site {site} is given twice")
        spacing[site] = (values[0], values[-1])
    return spacing


def image_spacing(row: pd.Series, given: Mapping[str, Spacing]) -> Spacing | None:
    """Spacing of one image: what was given for its site, else its index columns spacing_x and spacing_y, else None.

    Raises:
        EvaluationError: the index has one of the two columns only, or something that is no positive length.
    """
    if row["dataset"] in given:
        return given[row["dataset"]]
    texts = (row["spacing_x"], row["spacing_y"])
    if not any(texts):
        return None
    x, y = (_length(text) for text in texts)
    if math.isnan(x) or math.isnan(y):
        raise EvaluationError(
            f"{row['image']}: spacing_x and spacing_y in the index must be positive lengths in mm, "
            f"got {texts[0] or 'nothing'} and {texts[1] or 'nothing'}"
        )
    return x, y


def _length(text: str) -> float:
    """A positive finite number, NaN for anything else."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if 0 < value < math.inf else math.nan
