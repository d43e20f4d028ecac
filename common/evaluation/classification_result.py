"""The evaluation of a classifier in memory, and its files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..io import write_json
from .classification_charts import calibration_chart, decision_chart, roc_chart, score_chart
from .classification_tables import classification_markdown
from .files import write_figure, write_table, write_text
from .frames import records
from .heterogeneity import Heterogeneity
from .masks import MISSING, OK
from .ranking_errors import ranking_errors

_PACKAGES = ("cxr-tb-common", "numpy", "scipy", "scikit-learn", "pandas")

_ERROR_COLUMNS = (
    *("run", "error", "confidence", "dataset", "image", "patient_id", "sex", "age"),
    *("label", "score", "probability", "findings"),
)


@dataclass(frozen=True)
class Curves:
    """Curves of every run and site, as tables whose first columns are ``run`` and ``dataset``.

    Args:
        roc: see :func:`.roc.roc_points`.
        roc_band: ``false_positive_rate``, ``low`` and ``high`` of the true positive rate, point by point.
        calibration: see :func:`.calibration.calibration_curve`, with ``binning``.
        decision: see :func:`.decision_curve.decision_curve`.
    """

    roc: pd.DataFrame
    roc_band: pd.DataFrame
    calibration: pd.DataFrame
    decision: pd.DataFrame


@dataclass(frozen=True)
class ClassificationEvaluation:
    """What :func:`.classification.evaluate_classification` finds out.

    Args:
        per_image: one row a run and image, see :func:`.classified_images.join_truth`.
        summary: one row a run, site, subgroup and metric: ``run``, ``dataset``, ``subgroup`` (index column, empty for
            the whole site), ``group``, ``n``, ``positives`` and the columns of
            :func:`.classification_figures.classification_figures`.
        outcomes: images of each run and site: ``images``, ``compared``, ``positives``, ``patients``, ``missing``,
            ``no_truth``.
        targets: ``run``, ``dataset``, ``state`` and ``line`` of :func:`.operating_point.judge`.
        thresholds: :func:`.operating_point.threshold_table` of every run, site and subgroup.
        curves: what the charts show.
        shortcut: :func:`.site_shortcut.site_shortcut` of every run.
        heterogeneity: by run; None with fewer than two sites that can be compared.
        spread: :func:`.classifier_runs.spread_over_runs`.
        paired: :func:`.classifier_runs.paired_runs`.
        unknown: by run, images that the index does not have.
        warnings: lines for people.
        settings: how the evaluation was made, for the record.
    """

    per_image: pd.DataFrame
    summary: pd.DataFrame
    outcomes: pd.DataFrame
    targets: pd.DataFrame
    thresholds: pd.DataFrame
    curves: Curves
    shortcut: pd.DataFrame
    heterogeneity: Mapping[str, Heterogeneity | None]
    spread: pd.DataFrame
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
        """Rows of ``per_image`` without a prediction."""
        return self.per_image[self.per_image["status"] == MISSING]

    def errors(self) -> pd.DataFrame:
        """False positives and false negatives, those that the classifier was surest of first.

        ``confidence`` is the probability that it gave to the wrong class.
        """
        done = self.per_image[self.per_image["status"] == OK]
        wrong = done[done["label"] != done["decision"]].copy()
        false_positive = wrong["decision"] == 1
        wrong["error"] = np.where(false_positive, "false positive", "false negative")
        wrong["confidence"] = wrong["probability"].where(false_positive, 1 - wrong["probability"])
        order = {name: place for place, name in enumerate(self.runs)}
        wrong["place"] = wrong["run"].map(order)
        wrong = wrong.sort_values(["place", "confidence"], ascending=[True, False], kind="stable")
        return wrong[list(_ERROR_COLUMNS)]

    def ranking_errors(self) -> pd.DataFrame:
        """See :func:`.ranking_errors.ranking_errors`."""
        return ranking_errors(self.per_image)

    def markdown(self) -> str:
        """The evaluation for people."""
        return classification_markdown(self)

    def record(self) -> dict[str, Any]:
        """The evaluation for programs: nothing but numbers, texts and None, ready for JSON."""
        return {
            "settings": dict(self.settings),
            "packages": {name: version(name) for name in _PACKAGES},
            "outcomes": records(self.outcomes),
            "summary": records(self.summary),
            "targets": records(self.targets),
            "site_shortcut": records(self.shortcut),
            "heterogeneity": {name: None if h is None else h._asdict() for name, h in self.heterogeneity.items()},
            "spread_over_runs": records(self.spread),
            "paired": records(self.paired),
            "warnings": list(self.warnings),
            "problems": records(self.problems[["run", "dataset", "image", "status", "reason"]]),
            "predictions_not_in_index": {name: list(images) for name, images in self.unknown.items()},
        }

    def save(self, output_dir: str | Path) -> None:
        """Write ``summary`` as CSV, JSON and Markdown, the tables as CSV and the charts as PNG.

        Args:
            output_dir: folder, made when missing; files of an earlier evaluation are replaced.
        """
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        tables = {
            **{"per_image": self.per_image, "summary": self.summary, "errors": self.errors()},
            "ranking_errors": self.ranking_errors(),
            # The thresholds stay as they are: two of them may differ in the last digit only.
            "thresholds": self.thresholds.round(dict.fromkeys(self.thresholds.columns.drop("threshold"), 6)),
            **{"roc": self.curves.roc, "roc_band": self.curves.roc_band},
            **{"calibration": self.curves.calibration, "decision_curve": self.curves.decision},
            "site_shortcut": self.shortcut,
        }
        if len(self.runs) > 1:
            tables |= {"spread_over_runs": self.spread, "paired": self.paired}
        for name, table in tables.items():
            write_table(folder / f"{name}.csv", table)
        write_json(folder / "summary.json", self.record())
        write_text(folder / "summary.md", self.markdown())
        for run in self.runs:
            charts = {
                "roc": roc_chart(self, run),
                "calibration": calibration_chart(self, run),
                "scores": score_chart(self, run),
                "decision_curve": decision_chart(self, run),
            }
            for kind, figure in charts.items():
                write_figure(folder / chart_name(kind, run, len(self.runs)), figure)


def chart_name(kind: str, run: str, runs: int) -> str:
    """File name of a chart: the run is in it when there are several."""
    name = re.sub(r"[^\w.-]+", "-", run)
    return f"{kind}.png" if runs == 1 else f"{kind}_{name}.png"
