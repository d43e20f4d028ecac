"""Fit calibration and threshold to a site's own labelled radiographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data import read_index, select
from ..data.index import INDEX_NAME
from ..io import file_sha256
from ..metrics.operating_point_file import OperatingPoint
from .calibration import expected_calibration_error, fit_calibration
from .classification import index_folder
from .classification_figures import confusion, decision_rates
from .classified_images import join_truth, read_classifier_run
from .errors import EvaluationError
from .masks import OK
from .operating_point import choose_threshold, judge, threshold_table
from .roc import area_under_curve
from .summary import patients

#: With fewer images of a class, threshold and calibration depend on the few that happen to be there.
ENOUGH = 50


@dataclass(frozen=True)
class OperatingPointFit:
    """What :func:`fit_operating_point` finds.

    Args:
        point: for the file.
        thresholds: :func:`.operating_point.threshold_table` on the calibrated probability.
        left_out: selected rows without prediction or truth: ``dataset``, ``image``, ``status``, ``reason``.
        warnings: lines for people.
    """

    point: OperatingPoint
    thresholds: pd.DataFrame
    left_out: pd.DataFrame
    warnings: list[str]


def fit_operating_point(
    run_dir: str | Path,
    dataset_dir: str | Path,
    *,
    label: str = "tb",
    sites: Sequence[str] | None = None,
    split_column: str = "cls_split",
    splits: Sequence[str] | None = None,
    rule: str = "who_triage",
    calibration: str = "temperature_bias",
) -> OperatingPointFit:
    """Fit on saved scores; the images must be neither those of training nor those to report on.

    Args:
        run_dir: output folder of the classifier on ``dataset_dir``; its own probabilities and decisions do not matter.
        dataset_dir: folder with ``index.csv``, or that file.
        label: index column with the truth, 0 or 1.
        sites: values of ``dataset`` to fit on; all when empty.
        split_column: index column with the split of each row.
        splits: values of ``split_column`` to fit on; all when empty.
        rule: see :func:`.operating_point.choose_threshold`.
        calibration: one of :data:`.calibration.METHODS`.

    Raises:
        DataIndexError: no index, or nothing selected.
        EvaluationError: a run that cannot be read or does not say its weights, one class only, scores that rank the
            classes the wrong way round, an unknown rule or calibration.
    """
    run = read_classifier_run(run_dir)
    if not run.weights_sha256:
        raise EvaluationError(f"{Path(run_dir) / 'run.json'}: no weights_sha256 in it, so that no model can be named")
    folder = index_folder(dataset_dir)
    rows = select(read_index(folder), sites=sites, split_column=split_column, splits=splits)
    table = join_truth(run, rows, label=label, split_column=split_column)
    done = table[table["status"] == OK].copy()
    labels = done["label"].to_numpy(dtype=np.int64)
    try:
        fitted = fit_calibration(done["score"], labels, calibration)
        probabilities = fitted(done["score"])
        threshold = choose_threshold(probabilities, labels, rule)
    except ValueError as error:
        raise EvaluationError(f"{run_dir}: {error}") from error
    done["probability"], done["decision"] = probabilities, (probabilities >= threshold).astype(np.float64)
    positives = int(labels.sum())
    point = OperatingPoint(
        bundle=str(run.record.get("bundle") or "tb_cls"),
        weights_sha256=run.weights_sha256,
        calibration=fitted,
        threshold=threshold,
        rule=rule,
        fitted_on={
            "sites": list(dict.fromkeys(done["dataset"])),
            "split_column": split_column if splits else "",
            "splits": list(splits or []),
            "label": label,
            "n": len(done),
            "positives": positives,
            "index_sha256": file_sha256(folder / INDEX_NAME),
        },
        measured=_measured(done),
    )
    return OperatingPointFit(
        point=point,
        thresholds=threshold_table(probabilities, labels),
        left_out=table.loc[table["status"] != OK, ["dataset", "image", "status", "reason"]],
        warnings=_warnings(done, positives),
    )


def _measured(images: pd.DataFrame) -> dict[str, Any]:
    """Figures on the fitting data, for the file: estimate and bounds."""
    label, probability = images["label"].to_numpy(dtype=np.int64), images["probability"].to_numpy(dtype=np.float64)
    area = area_under_curve(images["score"], label, groups=patients(images))
    rates = decision_rates(**confusion(images))
    state, _ = judge(rates["sensitivity"], rates["specificity"])
    figures = {"auc": (area.estimate, area.low, area.high), **rates}
    return {
        "on": "the images that it was fitted on, hence better than on others; estimate, lower and upper 95 % bound",
        **{
            name: [None if np.isnan(value) else round(value, 6) for value in bounds] for name, bounds in figures.items()
        },
        "brier": round(float(((probability - label) ** 2).mean()), 6),
        "calibration_error": round(expected_calibration_error(probability, label), 6),
        "who_triage_target": state,
    }


def _warnings(done: pd.DataFrame, positives: int) -> list[str]:
    negatives = len(done) - positives
    lines = []
    if min(positives, negatives) < ENOUGH:
        lines.append(
            f"fitted on {positives} positive and {negatives} negative images; with fewer than about {ENOUGH} of either "
            "threshold and calibration are uncertain"
        )
    training = int((done["split"] == "train").sum())
    if training:
        lines.append(
            f"{training} of the images are of the split train: where the network learnt from them, its scores are too "
            "good, and what is fitted to them is wrong for new images"
        )
    return lines
