"""The evaluation of localisation in memory, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from ..io import write_json
from .files import write_figure, write_table, write_text
from .frames import records
from .localization_charts import detection_chart, dice_chart, figure_chart
from .localization_tables import localization_markdown
from .masks import FAILED, MISSING

_PACKAGES = ("cxr-tb-common", "numpy", "scipy", "scikit-image", "pandas")


@dataclass(frozen=True)
class LocalizationEvaluation:
    """What :func:`.localization.evaluate_localization` finds out; the first column of its tables is ``run``.

    Args:
        per_image: one row an image: ``dataset``, ``image``, ``patient_id``, ``split``, ``status`` ("ok"; "missing": the
            run has nothing of it; "failed": a file or box is unusable; "no truth"), ``reason``, ``boxes`` (true ones)
            and :data:`.localization_figures.IMAGE_FIGURES`.
        regions: one row a region, see :func:`.localization_figures.image_figures`.
        summary: see :func:`.localization_summary.summarize_localization`.
        detection: see :func:`.detection_figures.detection_figures`; by ``dataset``.
        outcomes: see :func:`.localization_summary.localization_outcomes`.
        paired: see :func:`.localization_summary.paired_localization`.
        unknown: by run, localised images that the index does not have.
        warnings: lines for people.
        settings: how the evaluation was made, for the record.
    """

    per_image: pd.DataFrame
    regions: pd.DataFrame
    summary: pd.DataFrame
    detection: pd.DataFrame
    outcomes: pd.DataFrame
    paired: pd.DataFrame
    unknown: Mapping[str, Sequence[str]]
    warnings: Sequence[str]
    settings: Mapping[str, Any]

    @property
    def runs(self) -> list[str]:
        """Names of the runs."""
        return list(dict.fromkeys(self.per_image["run"]))

    @property
    def problems(self) -> pd.DataFrame:
        """Rows of ``per_image`` whose result is missing or unusable."""
        return self.per_image[self.per_image["status"].isin([MISSING, FAILED])]

    def markdown(self) -> str:
        """The evaluation for people."""
        return localization_markdown(self)

    def record(self) -> dict[str, Any]:
        """The evaluation for programs: nothing but numbers, texts and None, ready for JSON."""
        return {
            "settings": dict(self.settings),
            "packages": {name: version(name) for name in _PACKAGES},
            "outcomes": records(self.outcomes),
            "summary": records(self.summary),
            "detection": records(self.detection),
            "paired": records(self.paired),
            "warnings": list(self.warnings),
            "problems": records(self.problems[["run", "dataset", "image", "status", "reason"]]),
            "localised_but_not_in_index": {name: list(images) for name, images in self.unknown.items()},
        }

    def save(self, output_dir: str | Path) -> None:
        """Write ``summary`` as CSV, JSON and Markdown, the tables as CSV and the charts as PNG.

        Args:
            output_dir: folder, made when missing; files of an earlier evaluation are replaced.
        """
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        tables = {"per_image": self.per_image, "regions": self.regions, "summary": self.summary}
        tables["detection"] = self.detection
        if len(self.runs) > 1:
            tables["paired"] = self.paired
        for name, table in tables.items():
            write_table(folder / f"{name}.csv", table)
        write_json(folder / "summary.json", self.record())
        write_text(folder / "summary.md", self.markdown())
        for name, chart in (("figures", figure_chart), ("dice", dice_chart), ("detection", detection_chart)):
            write_figure(folder / f"{name}.png", chart(self))
