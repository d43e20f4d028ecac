"""The evaluation of lesions in memory, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from ..io import write_json
from .files import write_figure, write_table, write_text
from .findings_agreement_result import FindingsAgreement
from .frames import records
from .lesion_charts import froc_chart, image_chart, precision_recall_chart
from .lesion_tables import lesion_markdown
from .masks import FAILED, MISSING
from .result import PER_IMAGE

#: One row a predicted lesion.
LESION_TABLE = "lesions.csv"

_PACKAGES = ("cxr-tb-common", "monai", "numpy", "scipy", "pandas")


@dataclass(frozen=True)
class LesionEvaluation:
    """What :func:`.lesions.evaluate_lesions` finds out.

    Args:
        per_image: one row an image, see :func:`.lesion_images.measure_lesions`.
        lesions: one row a predicted lesion, see :func:`.lesion_images.measure_lesions`.
        summary: see :func:`.lesion_summary.summarize_lesions`.
        detection: boxes by IoU, see :func:`.detection_figures.detection_figures`; by ``dataset``.
        froc: under the hit rule, see :func:`.lesion_froc.lesion_froc`; by ``dataset``.
        froc_curve: see :func:`.lesion_froc.froc_curve`; by ``dataset``.
        precision_recall: see :func:`.lesion_froc.precision_recall`; by ``dataset``.
        outcomes: see :func:`.lesion_summary.lesion_outcomes`.
        findings: agreement of places with the reader's texts, where the selected images with TB have any.
        unknown: predicted masks that belong to no image of the index.
        warnings: lines for people.
        settings: how the evaluation was made, for the record.
    """

    per_image: pd.DataFrame
    lesions: pd.DataFrame
    summary: pd.DataFrame
    detection: pd.DataFrame
    froc: pd.DataFrame
    froc_curve: pd.DataFrame
    precision_recall: pd.DataFrame
    outcomes: pd.DataFrame
    findings: FindingsAgreement | None
    unknown: Sequence[str]
    warnings: Sequence[str]
    settings: Mapping[str, Any]

    @property
    def problems(self) -> pd.DataFrame:
        """Images whose result is missing or unusable: ``dataset``, ``image``, ``status`` and ``reason``."""
        columns = ["dataset", "image", "status", "reason"]
        found = self.per_image.loc[self.per_image["status"].isin([MISSING, FAILED]), columns]
        if self.findings is None:
            return found
        more = self.findings.problems[columns]
        return pd.concat([found, more[~more["image"].isin(found["image"])]], ignore_index=True)

    def markdown(self) -> str:
        """The evaluation for people."""
        return lesion_markdown(self)

    def record(self) -> dict[str, Any]:
        """The evaluation for programs: nothing but numbers, texts and None, ready for JSON."""
        return {
            "settings": dict(self.settings),
            "packages": {name: version(name) for name in _PACKAGES},
            "outcomes": records(self.outcomes),
            "summary": records(self.summary),
            "detection": records(self.detection),
            "froc": records(self.froc),
            "findings_agreement": None if self.findings is None else self.findings.record(),
            "warnings": list(self.warnings),
            "problems": records(self.problems),
            "predictions_not_in_index": list(self.unknown),
        }

    def save(self, output_dir: str | Path) -> None:
        """Write ``summary`` as CSV, JSON and Markdown, the tables as CSV, the charts as PNG.

        The agreement with the reader's texts, where there is one, goes into the folder ``findings``.

        Args:
            output_dir: folder, made when missing; files of an earlier evaluation are replaced.
        """
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        write_table(folder / PER_IMAGE, self.per_image)
        write_table(folder / LESION_TABLE, self.lesions)
        for name in ("summary", "detection", "froc", "froc_curve", "precision_recall"):
            write_table(folder / f"{name}.csv", getattr(self, name))
        write_json(folder / "summary.json", self.record())
        write_text(folder / "summary.md", self.markdown())
        charts = {"froc": froc_chart, "precision_recall": precision_recall_chart, "images": image_chart}
        for name, chart in charts.items():
            write_figure(folder / f"{name}.png", chart(self))
        if self.findings is not None:
            self.findings.save(folder / "findings")
