"""Tables with one column a figure, one row a model and site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .shared_sections import run_columns, site_column
from .tables import Column, Row, count_column, figure, table


class Measure(NamedTuple):
    """How a figure is written.

    Args:
        label: what it is called.
        digits: decimals.
    """

    label: str
    digits: int = 3


def figure_table(
    caption: str,
    summary: Sequence[Row],
    measures: Mapping[str, Measure],
    statistic: str = "mean",
) -> str:
    """A statistic of several figures with its intervals.

    Args:
        caption: what the table shows.
        summary: rows with ``run``, ``dataset``, ``metric``, ``n`` and the statistic with its bounds ``_low`` and
            ``_high``; others than of ``measures`` are left out.
        measures: figures, by name.
        statistic: "mean" or "median".
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in summary:
        if row["metric"] in measures:
            key = (row["run"], row["dataset"])
            wide = rows.setdefault(key, {"run": row["run"], "dataset": row["dataset"], "n": 0})
            wide[row["metric"]] = row
            wide["n"] = max(wide["n"], row["n"])
    body = list(rows.values())

    def cell(metric: str, measure: Measure) -> Column:
        def shown(row: Row) -> str:
            own = row.get(metric)
            if own is None:
                return "not measured"
            return figure(own[statistic], own[f"{statistic}_low"], own[f"{statistic}_high"], measure.digits)

        return Column(measure.label, shown, lambda row: row[metric][statistic] if metric in row else None)

    columns = [*run_columns(body), site_column(), count_column("images", "n")]
    return table(caption, [*columns, *(cell(name, measure) for name, measure in measures.items())], body)
