"""Which rows of the index a report looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from ...data import DataIndexError, select
from ..masks import UNNAMED_SITE
from .issues import ERROR, WARNING, Issue, issue


def clean_index(index: pd.DataFrame) -> tuple[pd.DataFrame, list[Issue]]:
    """Each image once.

    Returns:
        The index without repeated rows: of rows that say the same of an image the first is kept, rows that contradict
        each other are all left out; ``dataset`` is never empty. And what was found.
    """
    index = index.assign(dataset=index["dataset"].where(index["dataset"] != "", UNNAMED_SITE))
    repeated = index[index["image"].duplicated(keep=False)]
    if repeated.empty:
        return index.reset_index(drop=True), []
    distinct = repeated.drop_duplicates()
    contradictory = set(distinct.loc[distinct["image"].duplicated(keep=False), "image"])
    same = dict.fromkeys(image for image in repeated["image"] if image not in contradictory)
    issues = issue(
        WARNING,
        "image listed twice",
        "index",
        "the index lists these images more than once in equal rows; each is counted once",
        same,
    )
    issues += issue(
        ERROR,
        "image listed twice with different entries",
        "index",
        "rows of the index contradict each other; these images are in no figure",
        sorted(contradictory),
    )
    kept = index[~index["image"].isin(contradictory)].drop_duplicates("image")
    return kept.reset_index(drop=True), issues


def selected_rows(
    index: pd.DataFrame, sites: Sequence[str], split_column: str, splits_of: Callable[[str], Sequence[str]]
) -> tuple[pd.DataFrame, list[str]]:
    """Rows of the sites that belong to the splits.

    Args:
        index: the index.
        sites: values of ``dataset``; all when empty.
        split_column: index column with the splits.
        splits_of: values of it that count at a site; all when empty.

    Returns:
        The rows, in their order; and the sites taken as a whole because the column says nothing of them, which is so
        of institutions that had no part in training.

    Raises:
        DataIndexError: an unknown site, column or split.
    """
    rows = select(index, sites=sites)
    parts, whole = [], []
    for site, own in rows.groupby("dataset", sort=False):
        splits = splits_of(str(site))
        if not splits:
            parts.append(own)
            continue
        if split_column not in rows.columns:
            raise DataIndexError(f"no split column {split_column} in the index; it has {', '.join(rows.columns)}")
        if (own[split_column] == "").all():
            whole.append(str(site))
            parts.append(own)
            continue
        absent = [split for split in splits if not rows[split_column].eq(split).any()]
        if absent:
            found = ", ".join(sorted(set(own[split_column]) - {""}))
            raise DataIndexError(f"no row of {site} with {split_column} in {', '.join(absent)}; it has {found}")
        parts.append(own[own[split_column].isin(splits)])
    return pd.concat(parts).sort_index(), whole


def sites_of(index: pd.DataFrame, images: set[str]) -> list[str]:
    """Sites of the images, in the order of the index."""
    return list(dict.fromkeys(index.loc[index["image"].isin(images), "dataset"]))
