"""Tables of operating points and thresholds."""

from __future__ import annotations

from collections.abc import Sequence

from .shared_sections import badge, run_columns, site_column
from .tables import Column, Row, figure, figure_column, percent, table, text_column


def operating_point_table(rows: Sequence[Row]) -> str:
    """Decisions by the threshold of the home site and by one fitted at each site."""

    def threshold(row: Row) -> str:
        if row["threshold"] is None:
            return "several" if row["sensitivity"] is not None else ""
        return f"{row['threshold']:.3f}"

    def rate(label: str) -> Column:
        def shown(row: Row) -> str:
            return "" if row[label] is None else figure(row[label], row[f"{label}_low"], row[f"{label}_high"])

        return Column(label, shown, lambda row: row[label])

    def verdict(row: Row) -> str:
        return badge(row["state"]) if row["sensitivity"] is not None else str(row["line"])

    columns = [
        *run_columns(rows),
        site_column(),
        text_column("operating point", "point"),
        Column("threshold (score)", threshold, lambda row: row["threshold"]),
        rate("sensitivity"),
        rate("specificity"),
        Column("WHO triage target", verdict, text=True),
    ]
    text = (
        "<p>“Of the home site”: the decisions as they were saved. “Refitted here”: the threshold is chosen on the "
        "site's own images and judged by cross-validation. <code>python -m common.evaluation operating-point</code> "
        "writes the file that inference then takes.</p>"
    )
    return (text + table("Operating points", columns, rows)) if rows else "<p>No site has both classes.</p>"


def threshold_table(rows: Sequence[Row]) -> str:
    """Thresholds that reach a sensitivity or a specificity."""

    columns = [
        *run_columns(rows),
        site_column(),
        Column("for", lambda row: row["for"].replace(" ", "\N{NO-BREAK SPACE}").replace(";", "; "), text=True),
        Column("threshold (probability)", lambda row: f"{row['threshold']:.3f}", lambda row: row["threshold"]),
        figure_column("sensitivity", "sensitivity"),
        figure_column("specificity", "specificity"),
        Column("called positive", lambda row: f"{row['tp'] + row['fp']:,}", lambda row: row["tp"] + row["fp"]),
        *(figure_column(f"PPV at {percent(float(share))}", f"ppv_at_{share}") for share in prevalences_of(rows)),
    ]
    return table("Read off the same images, hence better than on others", columns, rows)


def prevalences_of(rows: Sequence[Row]) -> list[str]:
    """Shares of positives for which the rows have predictive values."""
    names = [name for name in (rows[0] if rows else ()) if name.startswith("ppv_at_") and name.count("_") == 2]
    return [name.removeprefix("ppv_at_") for name in names]
