"""Tables of several runs and sites put together, and handed on to JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd


def marked(table: pd.DataFrame, marks: Mapping[str, Any]) -> pd.DataFrame:
    """The table with the marks as first columns."""
    return pd.concat([pd.DataFrame(dict(marks), index=table.index), table], axis=1)


def by_run(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The tables of all runs in one, whose first column ``run`` names the run."""
    return pd.concat([marked(table, {"run": name}) for name, table in tables.items()], ignore_index=True)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One object a row, ready for JSON, which has no NaN: a figure that does not exist is null."""
    rows = table.to_dict("records")
    return [{str(name): _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
