"""Figures with their intervals as text and Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..metrics import SEGMENTATION_METRICS

#: Figures of the printed tables; the others are in the CSV files.
TABLE_METRICS = ("dice", "iou", "miou", "hd95", "assd", "surface_dice")

_STAGES = {"final": "as delivered", "raw": "without post-processing"}


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> str:
    """A Markdown table whose first ``text_columns`` columns are aligned left and the others right."""
    marks = ["---" if number < text_columns else "---:" for number in range(len(header))]
    # A bar in a file name would otherwise start a new column.
    lines = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in (header, marks, *rows)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def format_figure(metric: str, value: float) -> str:
    """A ratio with four digits, a distance with two, n/a for no value."""
    if np.isnan(value):
        return "n/a"
    return f"{value:.2f}" if SEGMENTATION_METRICS[metric].is_distance else f"{value:.4f}"


def format_interval(metric: str, estimate: float, low: float, high: float) -> str:
    """An estimate with its interval in brackets, without brackets where there is none."""
    if np.isnan(low):
        return format_figure(metric, estimate)
    return f"{format_figure(metric, estimate)} [{format_figure(metric, low)}, {format_figure(metric, high)}]"


def format_p(value: float) -> str:
    """A p value with two digits."""
    if np.isnan(value):
        return "not defined"
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def summary_markdown(summary: pd.DataFrame, outcomes: pd.DataFrame) -> str:
    """The summary as Markdown: means, then medians, then pooled figures, each with its interval, one row a site.

    Args:
        summary: table of :func:`.summary.summarize`.
        outcomes: table of :func:`.summary.count_outcomes`.
    """
    metrics = [metric for metric in TABLE_METRICS if (summary["metric"] == metric).any()]
    parts = [
        "Mean over images, with the 95 % interval\n",
        _statistic_table(summary, outcomes, metrics, "mean"),
        "Median over images, with the 95 % interval\n",
        _statistic_table(summary, outcomes, metrics, "median"),
        "Pooled over all pixels of a site, with the 95 % interval\n",
        _statistic_table(summary, outcomes, [m for m in metrics if not SEGMENTATION_METRICS[m].uses_length], "pooled"),
    ]
    counts = ("missing", "failed", "no_truth", "empty_prediction", "empty_truth")
    notes = [
        [row["dataset"], _STAGES[row["stage"]], *(str(row[name]) for name in counts)]
        for _, row in outcomes.iterrows()
        if row[list(counts)].any()
    ]
    if notes:
        header = ["site", "masks", "missing", "not usable", "without truth", "prediction empty", "truth empty"]
        parts += [
            "Images that are not in the figures (missing, not usable, without truth), and empty masks, which are\n",
            markdown_table(header, notes, text_columns=2),
        ]
    return "\n".join(parts)


def _statistic_table(summary: pd.DataFrame, outcomes: pd.DataFrame, metrics: Sequence[str], statistic: str) -> str:
    header = ["site", "masks", "images", *(SEGMENTATION_METRICS[metric].label for metric in metrics)]
    rows = []
    for outcome in outcomes[outcomes["compared"] > 0].itertuples():
        chosen = summary[(summary["dataset"] == outcome.dataset) & (summary["stage"] == outcome.stage)]
        cells = [_cell(chosen[chosen["metric"] == metric], statistic, outcome.compared) for metric in metrics]
        rows.append([outcome.dataset, _STAGES[outcome.stage], str(outcome.compared), *cells])
    return markdown_table(header, rows, text_columns=2)


def _cell(rows: pd.DataFrame, statistic: str, compared: int) -> str:
    """One figure, or one for each unit where a site has images with and without a known pixel size."""
    texts = []
    for _, row in rows.iterrows():
        text = format_interval(row["metric"], row[statistic], row[f"{statistic}_low"], row[f"{statistic}_high"])
        unit = row["unit"] if SEGMENTATION_METRICS[row["metric"]].is_distance else ""
        count = f"({row['n']} images in {row['unit']})" if row["n"] != compared else ""
        texts.append(" ".join(part for part in (text, unit, count) if part))
    return "; ".join(texts)
