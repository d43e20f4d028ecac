"""An evaluation in memory, and its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from ..io import write_json
from .charts import distribution_chart
from .files import write_figure, write_table, write_text
from .frames import records
from .masks import FAILED, MISSING
from .tables import summary_markdown

PER_IMAGE = "per_image.csv"
_PACKAGES = ("cxr-tb-common", "monai", "numpy", "scipy")


@dataclass(frozen=True)
class MaskEvaluation:
    """What :func:`.lungs.evaluate_lungs` finds out.

    Args:
        per_image: one row an image and stage, see :func:`.masks.evaluate_masks`.
        summary: one row a site, stage and metric, see :func:`.summary.summarize`.
        outcomes: one row a site and stage, see :func:`.summary.count_outcomes`.
        unknown: predicted masks that belong to no image of the index.
        settings: how the evaluation was made, for the record.
    """

    per_image: pd.DataFrame
    summary: pd.DataFrame
    outcomes: pd.DataFrame
    unknown: list[str]
    settings: Mapping[str, Any]

    @property
    def problems(self) -> pd.DataFrame:
        """Rows of ``per_image`` whose prediction is missing or unusable."""
        return self.per_image[self.per_image["status"].isin([MISSING, FAILED])]

    @property
    def warnings(self) -> list[str]:
        """Lines for people."""
        count = len(self.unknown)
        return [f"{count} predicted masks belong to no image of the index, {self.unknown[0]} first"] if count else []

    def markdown(self) -> str:
        """The summary for people."""
        return summary_markdown(self.summary, self.outcomes)

    def record(self) -> dict[str, Any]:
        """The summary for programs: nothing but numbers, texts and None, ready for JSON."""
        return {
            "settings": dict(self.settings),
            "packages": {name: version(name) for name in _PACKAGES},
            "outcomes": records(self.outcomes),
            "summary": records(self.summary),
            "problems": records(self.problems[["stage", "dataset", "image", "status", "reason"]]),
            "predictions_not_in_index": self.unknown,
        }

    def save(self, output_dir: str | Path) -> None:
        """Write ``per_image.csv``, ``summary.csv``, ``summary.json``, ``summary.md`` and ``distribution.png``.

        Args:
            output_dir: folder, made when missing; files of an earlier evaluation are replaced.
        """
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        write_table(folder / PER_IMAGE, self.per_image)
        write_table(folder / "summary.csv", self.summary)
        write_json(folder / "summary.json", self.record())
        write_text(folder / "summary.md", self.markdown())
        write_figure(folder / "distribution.png", distribution_chart(self.per_image))
