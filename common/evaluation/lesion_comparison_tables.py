"""A comparison of runs that outlined lesions as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from .classification_tables import figure_text
from .lesion_figures import LESION_FIGURES
from .lesion_froc import MEAN
from .lesion_tables import DIGITS, figure_cell
from .tables import format_p, markdown_table

if TYPE_CHECKING:
    from .lesion_comparison import LesionComparison

_MEANS = ("dice", "iou", "miou", "found", "false_positives", "area_error", "false_positive_share", "any_false_positive")


def comparison_markdown(found: LesionComparison) -> str:
    """All tables that people read; the rest is in the CSV files."""
    several = {name: count for name, count in found.seeds.items() if count > 1}
    parts = [
        "Mean over the images that all runs have, with the bootstrap 95 % interval\n",
        _means(found.figures, _MEANS),
    ]
    if several:
        text = ", ".join(f"{name} ({count})" for name, count in several.items())
        parts.append(f"Figures of each image are means over the seeds of {text}.\n")
    if len(found.detection):
        parts += [
            "Average precision of the boxes of lesions by IoU, and mean sensitivity of FROC; below, in brackets, the "
            "difference to the baseline with its interval, drawing the same patients for both\n",
            _detection(found.detection),
        ]
    if len(found.paired):
        first = found.paired["baseline"].iloc[0]
        parts += [
            f"Difference to {first}, image by image; effect: rank-biserial correlation of the pairs; the last column "
            "controls the false discovery rate over this table (Benjamini and Hochberg)\n",
            _paired(found.paired),
        ]
    if len(found.unpaired):
        parts.append(f"{len(found.unpaired)} images were not compared by every run and are left out.\n")
    return "\n".join(parts)


def _means(figures: pd.DataFrame, metrics: Sequence[str]) -> str:
    body = []
    for (dataset, kind), part in figures.groupby(["dataset", "images"], sort=False):
        for run, rows in part.groupby("run", sort=False):
            own = rows.set_index("metric")
            cells = [figure_cell(own, metric, "mean") for metric in metrics]
            body.append([dataset, kind, run, str(own.loc["dice", "n"]), *cells])
    header = ["site", "kind", "run", "images", *(LESION_FIGURES[metric].label for metric in metrics)]
    return markdown_table(header, body, text_columns=3)


def _detection(detection: pd.DataFrame) -> str:
    labels = [
        MEAN if figure == MEAN else f"AP, IoU {iou:g}"
        for figure, iou in detection[["figure", "iou"]].drop_duplicates().itertuples(index=False)
    ]
    body = []
    for (dataset, run), rows in detection.groupby(["dataset", "run"], sort=False):
        body.append([dataset, run, *(figure_text(row.estimate, row.low, row.high) for row in rows.itertuples())])
        if rows["difference"].notna().any():
            texts = (figure_text(row.difference, row.difference_low, row.difference_high) for row in rows.itertuples())
            body.append([dataset, f"{run} minus {rows['baseline'].iloc[0]}", *(f"({text})" for text in texts)])
    return markdown_table(["site", "run", *labels], body, text_columns=2)


def _paired(paired: pd.DataFrame) -> str:
    body = [
        [
            *(row.run, row.dataset, row.images, LESION_FIGURES[row.metric].label, str(row.n)),
            figure_text(row.mean_difference, row.low, row.high, DIGITS.get(row.metric, 3)),
            f"{row.better} / {row.equal} / {row.worse}",
            *(f"{row.effect:.2f}", format_p(row.p_wilcoxon), format_p(row.p_adjusted)),
        ]
        for row in paired.itertuples()
    ]
    header = ["run", "site", "kind", "figure", "images", "mean difference", "better / equal / worse", "effect"]
    return markdown_table([*header, "p (Wilcoxon)", "p adjusted"], body, text_columns=4)
