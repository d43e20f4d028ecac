"""Groups of images by columns of the index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from .errors import EvaluationError
from .summary import ALL_SITES

#: First ages of the bands after the first one.
AGE_BANDS = (15, 25, 45, 65)

#: A column with more values says no more about groups; figures of single images say nothing at all.
MOST_GROUPS = 50

UNKNOWN = "unknown"


def age_band(age: str, starts: Sequence[int] = AGE_BANDS) -> str:
    """Band of an age such as "15-24"; "unknown" for what is no age.

    Args:
        age: years, as the index has them.
        starts: first ages of the bands after the first one, rising.
    """
    try:
        years = float(age)
    except ValueError:
        return UNKNOWN
    if not 0 <= years < 150:
        return UNKNOWN
    edges = [0, *starts]
    place = max(number for number, start in enumerate(edges) if years >= start)
    return f"{edges[place]}-{edges[place + 1] - 1}" if place + 1 < len(edges) else f"{edges[place]}+"


def group_column(images: pd.DataFrame, column: str, age_bands: Sequence[int] = AGE_BANDS) -> pd.Series:
    """Group of each image: the value of an index column, of ``age`` its band; "unknown" where it is empty.

    Raises:
        EvaluationError: more than :data:`MOST_GROUPS` different values.
    """
    if column == "age":
        return images[column].map(lambda age: age_band(age, age_bands))
    groups = images[column].str.strip().where(images[column].str.strip() != "", UNKNOWN)
    values = groups.nunique()
    if values > MOST_GROUPS:
        raise EvaluationError(f"subgroups by {column}: {values} different values, {MOST_GROUPS} at most are accepted")
    return groups


def cohorts(
    images: pd.DataFrame, columns: Sequence[str] = (), age_bands: Sequence[int] = AGE_BANDS
) -> Iterator[tuple[str, str, str, pd.DataFrame]]:
    """Go through (site, column, group, images): every site, "all" where there are several, then their subgroups.

    Column and group are empty for a whole site. A column of which nothing is known is left out.

    Args:
        images: ``dataset`` and the ``columns``.
        columns: index columns to group by.
        age_bands: see :func:`age_band`.

    Raises:
        EvaluationError: see :func:`group_column`.
    """
    sites = {site: images[images["dataset"] == site] for site in dict.fromkeys(images["dataset"])}
    if len(sites) > 1:
        sites[ALL_SITES] = images
    for site, members in sites.items():
        yield site, "", "", members
    for column in columns:
        groups = group_column(images, column, age_bands)
        if (groups == UNKNOWN).all():
            continue
        for site, members in sites.items():
            own = groups.loc[members.index]
            for group in sorted(own.unique(), key=_order):
                yield site, column, str(group), members[own == group]


def _order(group: str) -> tuple[bool, int, str]:
    """Bands by age, other groups by name, "unknown" last."""
    first = group.split("-")[0].rstrip("+")
    return group == UNKNOWN, int(first) if first.isdecimal() else -1, group
