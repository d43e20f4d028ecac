"""Subgroups, few enough to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..subgroups import UNKNOWN

#: Groups of one column that are told apart; the rarer ones are put together.
MOST_GROUPS = 20


def cap_groups(images: pd.DataFrame, columns: Sequence[str], most: int = MOST_GROUPS) -> tuple[pd.DataFrame, list[str]]:
    """Put the rare values of columns with many values together.

    Args:
        images: one row an image, with the ``columns`` as text; the column "age" is left to the age bands.
        columns: index columns to group by.
        most: values that stay, the most frequent ones.

    Returns:
        The table with the rarer values replaced by "other", and a statement for people on each such column.
    """
    statements = []
    for column in columns:
        if column == "age":
            continue
        groups = images[column].str.strip()
        counts = groups[groups != ""].value_counts()
        if len(counts) <= most:
            continue
        # Of equally frequent values the first by name stay, so that the order of the index does not matter.
        ranked = counts.rename_axis("value").reset_index(name="n").sort_values(["n", "value"], ascending=[False, True])
        kept = set(ranked["value"].iloc[:most])
        rest = ranked.iloc[most:]
        name = f"other ({len(rest):,} values)"
        images = images.assign(**{column: groups.where(groups.isin(kept) | (groups == ""), name)})
        statements.append(
            f"Of the {len(counts):,} values of {column}, the {most} most frequent are shown by themselves; the other "
            f"{len(rest):,} ({int(rest['n'].sum()):,} images) are together in “{name}”."
        )
    return images, statements


def known_columns(images: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Columns of which something is known."""
    return [column for column in columns if not images[column].str.strip().isin(("", UNKNOWN)).all()]
