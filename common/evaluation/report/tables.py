"""Tables of the page: complete without scripts, sortable with them."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

#: Rows of one table on the page.
MOST_ROWS = 200

Row = Mapping[str, Any]


class Html(str):
    """Text that is HTML already."""


class Column(NamedTuple):
    """One column.

    Args:
        label: its head.
        cell: text of a row's cell; escaped unless it is :class:`Html`.
        value: what rows are sorted by; None for the text.
        text: whether it holds words, aligned left.
        sortable: whether sorting by it makes sense.
    """

    label: str
    cell: Callable[[Row], Any]
    value: Callable[[Row], Any] | None = None
    text: bool = False
    sortable: bool = True


def text_column(label: str, key: str) -> Column:
    """Words."""
    return Column(label, lambda row: row[key] if row[key] is not None else "", text=True)


def count_column(label: str, key: str) -> Column:
    """Whole numbers."""
    return Column(label, lambda row: "" if row[key] is None else f"{row[key]:,}", lambda row: row[key])


def figure_column(label: str, key: str = "estimate", digits: int = 3) -> Column:
    """A figure with its interval, of the columns ``key``, ``key_low`` and ``key_high`` (``low``, ``high``)."""
    low, high = ("low", "high") if key == "estimate" else (f"{key}_low", f"{key}_high")
    return Column(label, lambda row: figure(row[key], row.get(low), row.get(high), digits), lambda row: row[key])


def figure(estimate: float | None, low: float | None = None, high: float | None = None, digits: int = 3) -> str:
    """An estimate with its interval in brackets."""
    if estimate is None:
        return "not defined"
    text = f"{estimate:.{digits}f}"
    return text if low is None or high is None else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


def p_value(value: float | None) -> str:
    """A p with two digits."""
    return "not defined" if value is None else "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def percent(value: float) -> str:
    """A share in per cent."""
    return f"{100 * value:g} %"


def table(caption: str, columns: Sequence[Column], rows: Sequence[Row], *, most: int = MOST_ROWS) -> str:
    """A table in a frame that scrolls by itself.

    Args:
        caption: what it shows.
        columns: its columns.
        rows: its rows; of more than ``most`` the first ones, with a statement.
        most: rows that are shown.
    """
    if not rows:
        return ""
    head = "".join(
        f'<th scope="col"{" class=text" if column.text else ""}{"" if column.sortable else " data-fixed"}>'
        f"{_escaped(column.label)}</th>"
        for column in columns
    )
    body = "".join(f"<tr>{''.join(_cell(column, row) for column in columns)}</tr>\n" for row in rows[:most])
    more = f"<p>The first {most:,} of {len(rows):,} rows; all are in report.json.</p>" if len(rows) > most else ""
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{html.escape(caption)}"><table class="sort">'
        f"<caption><span>{_escaped(caption)}</span></caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
        f"</div>{more}"
    )


def fold(summary: str, content: str, *, opened: bool = False) -> str:
    """Content behind a line that opens it; nothing for no content."""
    return (
        f"<details{' open' if opened else ''}><summary>{_escaped(summary)}</summary>{content}</details>"
        if content
        else ""
    )


def _cell(column: Column, row: Row) -> str:
    shown = _escaped(column.cell(row))
    if column.value is None:
        return f'<td class="text">{shown}</td>' if column.text else f"<td>{shown}</td>"
    value = column.value(row)
    return f'<td data-v="{"" if value is None else html.escape(str(value))}">{shown}</td>'


def _escaped(text: Any) -> str:
    return text if isinstance(text, Html) else html.escape(str(text))
