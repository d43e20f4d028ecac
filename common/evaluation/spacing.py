"""Size of a pixel of each evaluated image in millimetres, where it is known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from .errors import EvaluationError

#: Size of a pixel in mm, along the picture's rows (x, from column to column) and along its columns (y).
Spacing = tuple[float, float]

#: Sizes by site as people write them: one number for square pixels, or (x, y).
SiteSpacing = Mapping[str, float | Sequence[float]]


def parse_spacing(options: Iterable[str]) -> dict[str, list[float]]:
    """Read ``site=mm`` or ``site=x,y`` texts, as given on a command line.

    Raises:
        EvaluationError: a text of another form, or a site given twice.
    """
    spacing: dict[str, list[float]] = {}
    for option in options:
        site, _, lengths = option.rpartition("=")
        if site in spacing:
            raise EvaluationError(f"spacing {option}: the site {site} is given twice")
        spacing[site] = [_length(text) for text in lengths.split(",")]
        if not site or any(math.isnan(length) for length in spacing[site]):
            raise EvaluationError(f"spacing {option}: accepted is site=mm or site=x,y, for example jsrt=0.7")
    return spacing


def site_spacing(given: SiteSpacing | None, sites: Iterable[str]) -> dict[str, Spacing]:
    """Bring pixel sizes by site into one form.

    Args:
        given: mm by site, one number for square pixels or (x, y).
        sites: the sites that there are.

    Raises:
        EvaluationError: a site that does not exist, or something else than one or two positive lengths.
    """
    known = sorted({site for site in sites if site})
    spacing: dict[str, Spacing] = {}
    for site, value in (given or {}).items():
        if site not in known:
            raise EvaluationError(f"spacing of {site}: no such site; the index has {', '.join(known) or 'none'}")
        lengths = [_length(item) for item in (value if isinstance(value, Sequence) else [value])]
        if len(lengths) not in (1, 2) or any(math.isnan(length) for length in lengths):
            raise EvaluationError(f"spacing of {site}: accepted is a positive length in mm, or two (x, y), got {value}")
        spacing[site] = (lengths[0], lengths[-1])
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


def _length(value: float | str) -> float:
    """A positive finite number, NaN for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if 0 < number < math.inf else math.nan
