"""Which rows of the index a report looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...data import DataIndexError, select
from ..masks import UNNAMED_SITE
from .issues import ERROR, NOTE, WARNING, Issue, issue

#: Stands for all splits of a site.
ALL = "all"


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


class Selection(NamedTuple):
    """Rows that a report looks at.

    Args:
        rows: of the index, in their order within a site; sites as they were asked for, otherwise as in the index.
        whole: sites taken as a whole because the column says nothing of them, which is so of institutions that had no
            part in training.
        left_out: sites none of whose images belongs to the splits.
    """

    rows: pd.DataFrame
    whole: list[str]
    left_out: list[str]

    def issues(self, where: str, split_column: str) -> list[Issue]:
        """What people should know of it."""
        found = []
        if self.whole:
            text = f"{', '.join(self.whole)}: not divided by {split_column}"
            found.append(Issue(NOTE, "site taken as a whole", where, text, (), len(self.whole)))
        if self.left_out:
            text = f"{', '.join(self.left_out)}: no image of the chosen splits in {split_column}; SITE={ALL} takes all"
            found.append(Issue(WARNING, "site left out", where, text, (), len(self.left_out)))
        return found


def selected_rows(
    index: pd.DataFrame, sites: Sequence[str], split_column: str, splits_of: Callable[[str], Sequence[str]]
) -> Selection:
    """Rows of the sites that belong to the splits.

    Args:
        index: the index.
        sites: values of ``dataset``; all when empty.
        split_column: index column with the splits.
        splits_of: values of it that count at a site, of another column where they are written ``COLUMN:SPLIT``; all
            when empty or :data:`ALL`.

    Raises:
        DataIndexError: an unknown site, column or split.
    """
    rows = select(index, sites=sites)
    parts, whole, left_out = [], [], []
    for site in dict.fromkeys(sites or rows["dataset"]):
        own, splits = rows[rows["dataset"] == site], splits_of(site)
        if splits and ALL not in splits:
            wanted: dict[str, list[str]] = {}
            for column, _, split in (text.rpartition(":") for text in splits):
                wanted.setdefault(column or split_column, []).append(split)
            for column, values in wanted.items():
                _check_splits(rows, column, values)
            if (own[list(wanted)] == "").all(axis=None):
                whole.append(site)
            else:
                own = own[np.any([own[column].isin(values) for column, values in wanted.items()], axis=0)]
                left_out += [] if len(own) else [site]
        parts.append(own)
    return Selection(pd.concat(parts), whole, left_out)


def _check_splits(rows: pd.DataFrame, column: str, splits: Sequence[str]) -> None:
    if column not in rows.columns:
        raise DataIndexError(f"no split column {column} in the index; it has {', '.join(rows.columns)}")
    absent = [split for split in splits if not rows[column].eq(split).any()]
    if absent:
        found = ", ".join(sorted(set(rows[column]) - {""})) or "none"
        raise DataIndexError(f"no row with {column} in {', '.join(absent)}; the sites have {found}")


def sites_of(index: pd.DataFrame, images: set[str]) -> list[str]:
    """Sites of the images, in the order of the index."""
    return list(dict.fromkeys(index.loc[index["image"].isin(images), "dataset"]))
