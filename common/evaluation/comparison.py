"""Several evaluations side by side: in memory, as Markdown and as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..metrics import SEGMENTATION_METRICS
from .files import write_table, write_text
from .tables import TABLE_METRICS, format_interval, markdown_table


@dataclass(frozen=True)
class Comparison:
    """What :func:`.compare.compare_runs` finds out.

    Args:
        figures: the summary of every run, see :func:`.summary.summarize`, with the additional column ``run``.
        paired: every run against the first, see :func:`.paired.paired_differences`.
        unpaired: images that not every run has compared: ``dataset``, ``image`` and the runs that it lacks,
            ``missing_in``.
    """

    figures: pd.DataFrame
    paired: pd.DataFrame
    unpaired: pd.DataFrame

    def save(self, output_dir: str | Path) -> None:
        """Write ``figures.csv``, ``paired.csv``, ``unpaired.csv`` and ``comparison.md``.

        Args:
            output_dir: folder, made when missing.
        """
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        write_table(folder / "figures.csv", self.figures)
        write_table(folder / "paired.csv", self.paired)
        write_table(folder / "unpaired.csv", self.unpaired)
        write_text(folder / "comparison.md", self.markdown())

    def markdown(self) -> str:
        """A table runs x sites for each figure, the best run in bold, then the paired comparisons."""
        parts = []
        for metric in TABLE_METRICS:
            rows = self.figures[self.figures["metric"] == metric]
            if len(rows):
                label = SEGMENTATION_METRICS[metric].label
                parts += [f"{label}: mean over images, with the bootstrap 95 % interval\n", _matrix(metric, rows)]
        if len(self.paired):
            first = self.paired["baseline"].iloc[0]
            parts += [
                f"Difference to {first} on the images that both have; effect: rank-biserial correlation of the pairs; "
                "the last column controls the false discovery rate over this table (Benjamini and Hochberg)\n",
                _paired_table(self.paired),
            ]
        if len(self.unpaired):
            parts.append(f"{len(self.unpaired)} images were not compared by every run and are left out of the pairs.\n")
        return "\n".join(parts)


def _matrix(metric: str, rows: pd.DataFrame) -> str:
    info = SEGMENTATION_METRICS[metric]
    # One column a site and unit, so that millimetres and pixels never stand in one column.
    columns = list(dict.fromkeys(zip(rows["dataset"], rows["unit"], strict=True)))
    best = rows.groupby(["dataset", "unit"])["mean"].agg("max" if info.higher_is_better else "min")
    cells = {}
    for row in rows.itertuples():
        text = f"{format_interval(metric, row.mean, row.mean_low, row.mean_high)} ({row.n})"
        cells[row.run, row.dataset, row.unit] = f"**{text}**" if row.mean == best[row.dataset, row.unit] else text
    header = ["run (images)", *(f"{site} [{unit}]" if info.uses_length else site for site, unit in columns)]
    body = [[run, *(cells.get((run, *column), "n/a") for column in columns)] for run in dict.fromkeys(rows["run"])]
    return markdown_table(header, body)


def _paired_table(paired: pd.DataFrame) -> str:
    header = ["run", "site", "figure", "images", "mean difference", "better / equal / worse", "effect"]
    header += ["p (Wilcoxon)", "p adjusted"]
    body = []
    for row in paired[paired["metric"].isin(TABLE_METRICS)].itertuples():
        info = SEGMENTATION_METRICS[row.metric]
        difference = format_interval(row.metric, row.mean_difference, row.low, row.high)
        if info.is_distance:
            difference += f" {row.unit}"
        counts = f"{row.better} / {row.equal} / {row.worse}"
        tests = [f"{row.effect:.2f}", f"{row.p_wilcoxon:.2g}", f"{row.p_adjusted:.2g}"]
        body.append([row.run, row.dataset, info.label, str(row.n), difference, counts, *tests])
    return markdown_table(header, body, text_columns=3)
