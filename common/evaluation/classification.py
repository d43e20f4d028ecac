"""Evaluation of saved TB scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data import read_index, select
from ..data.index import INDEX_NAME
from .calibration import calibration_curve
from .classification_figures import FIGURE_COLUMNS, classification_figures, confusion, decision_rates
from .classification_result import ClassificationEvaluation, Curves, chart_name
from .classified_images import (
    ClassifierRun,
    join_truth,
    read_classifier_run,
    unknown_images,
    with_operating_point,
)
from .classifier_runs import paired_runs, spread_over_runs
from .decision_curve import decision_curve
from .delivery import deliver
from .frames import by_run, marked
from .heterogeneity import heterogeneity
from .masks import MISSING, NO_TRUTH, OK
from .operating_point import PREVALENCES, judge, threshold_table
from .resampling import BAND_GRID
from .roc import AreaUnderCurve, area_under_curve, roc_points
from .site_shortcut import site_shortcut
from .subgroups import AGE_BANDS, cohorts
from .summary import ALL_SITES, patients

#: Tables of :class:`.classification_result.Curves`.
CURVES = ("roc", "roc_band", "calibration", "decision")


def evaluate_classification(
    runs: Mapping[str, str | Path],
    dataset_dir: str | Path,
    *,
    label: str = "tb",
    sites: Sequence[str] | None = None,
    split_column: str = "cls_split",
    splits: Sequence[str] | None = None,
    subgroups: Sequence[str] = ("sex", "age"),
    age_bands: Sequence[int] = AGE_BANDS,
    prevalences: Sequence[float] = PREVALENCES,
    operating_point: str | Path | None = None,
    repeats: int = 2000,
    seed: int = 0,
) -> ClassificationEvaluation:
    """Compare the scores in one or more output folders with the truth of a data folder.

    Args:
        runs: output folders of a TB classifier that was run on ``dataset_dir``, by name; several are taken for seeds
            of one recipe or for models, and all are paired with the first.
        dataset_dir: folder with ``index.csv``, or that file.
        label: index column with the truth, 0 or 1.
        sites: values of ``dataset`` to evaluate; all when empty.
        split_column: index column with the split of each row.
        splits: values of ``split_column`` to evaluate; all when empty.
        subgroups: index columns to give all figures by; ``age`` in bands.
        age_bands: first ages of the bands after the first one.
        prevalences: shares of ill people for which predictive values are given.
        operating_point: operating-point file to decide by, in place of the one that the run was made with.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.

    Raises:
        DataIndexError: no index, or nothing selected.
        EvaluationError: a run that cannot be read or has none of the images, a wrong label, too many subgroups.
        OperatingPointError: the file cannot be used for a run.
    """
    folder = index_folder(dataset_dir)
    index = read_index(folder)
    rows = select(index, sites=sites, split_column=split_column, splits=splits)
    read = {name: read_classifier_run(path) for name, path in runs.items()}
    if operating_point is not None:
        read = {name: with_operating_point(run, operating_point) for name, run in read.items()}
    tables = {
        name: join_truth(run, rows, label=label, split_column=split_column, columns=subgroups)
        for name, run in read.items()
    }
    options: dict[str, Any] = {"prevalences": prevalences, "repeats": repeats, "seed": seed}
    parts = {name: _evaluate_run(table, subgroups, age_bands, options) for name, table in tables.items()}
    summary = by_run({name: part["summary"] for name, part in parts.items()})
    targets = by_run({name: part["targets"] for name, part in parts.items()})
    areas = {name: part["areas"] for name, part in parts.items()}
    return ClassificationEvaluation(
        per_image=by_run(tables),
        summary=summary,
        outcomes=by_run({name: _outcomes(table) for name, table in tables.items()}),
        targets=targets,
        thresholds=by_run({name: part["thresholds"] for name, part in parts.items()}),
        curves=Curves(**{kind: by_run({name: part[kind] for name, part in parts.items()}) for kind in CURVES}),
        shortcut=by_run({name: site_shortcut(table[table["status"] == OK]) for name, table in tables.items()}),
        heterogeneity={name: heterogeneity(list(found.values())) for name, found in areas.items()},
        spread=spread_over_runs(summary),
        paired=paired_runs(tables),
        unknown={name: unknown_images(run, index) for name, run in read.items()},
        warnings=[line for name in read for line in _warnings(name, read[name], tables[name], areas[name], len(read))],
        settings={
            "runs": {name: _about(run) for name, run in read.items()},
            "dataset": str(folder),
            "label": label,
            "sites": list(sites or []),
            "split_column": split_column,
            "splits": list(splits or []),
            "subgroups": list(subgroups),
            "age_bands": list(age_bands),
            "prevalences": list(prevalences),
            "operating_point": None if operating_point is None else str(operating_point),
            "bootstrap_repeats": repeats,
            "bootstrap_seed": seed,
        },
    )


def index_folder(dataset_dir: str | Path) -> Path:
    """The folder itself, or that of an ``index.csv``."""
    path = Path(dataset_dir)
    return path.parent if path.name == INDEX_NAME and path.is_file() else path


def _evaluate_run(
    table: pd.DataFrame, subgroups: Sequence[str], age_bands: Sequence[int], options: Mapping[str, Any]
) -> dict[str, Any]:
    """All tables of one run, and the areas of its sites."""
    parts: dict[str, list[pd.DataFrame]] = {}
    targets: list[dict[str, Any]] = []
    areas: dict[str, AreaUnderCurve] = {}
    for dataset, column, group, images in cohorts(table[table["status"] == OK], subgroups, age_bands):
        who = {"dataset": dataset, "subgroup": column, "group": group}
        count = {"n": len(images), "positives": int(images["label"].sum())}
        figures, drawn = classification_figures(images, **options)
        found = {"summary": marked(pd.DataFrame(figures, columns=list(FIGURE_COLUMNS)), who | count)}
        score, probability, label = images["score"], images["probability"], images["label"].astype(np.int64)
        found["thresholds"] = marked(threshold_table(probability, label, options["prevalences"]), who)
        if not column:
            rates = decision_rates(**confusion(images))
            state, line = judge(rates["sensitivity"], rates["specificity"])
            targets.append({"dataset": dataset, "state": state, "line": line})
            if dataset != ALL_SITES:
                areas[dataset] = area_under_curve(score, label, groups=patients(images))
            site = {"dataset": dataset}
            if 0 < count["positives"] < count["n"]:
                found["roc"] = marked(roc_points(score, label), site)
                band = {"false_positive_rate": BAND_GRID, "low": drawn.band_low, "high": drawn.band_high}
                found["roc_band"] = marked(pd.DataFrame(band), site)
            curves = [
                marked(calibration_curve(probability, label, binning=binning), {**site, "binning": binning})
                for binning in ("mass", "width")
            ]
            found["calibration"] = pd.concat(curves, ignore_index=True)
            found["decision"] = marked(decision_curve(probability, label), site)
        for kind, part in found.items():
            parts.setdefault(kind, []).append(part)
    kinds = ("summary", "thresholds", *CURVES)
    joined = {k: pd.concat(parts[k], ignore_index=True) if k in parts else pd.DataFrame() for k in kinds}
    return {**joined, "targets": pd.DataFrame(targets), "areas": areas}


def _outcomes(table: pd.DataFrame) -> pd.DataFrame:
    """Images of each site by what became of them."""
    rows = []
    for dataset, _, _, images in cohorts(table):
        compared = images[images["status"] == OK]
        rows.append(
            {
                "dataset": dataset,
                **{"images": len(images), "compared": len(compared)},
                **{"positives": int(compared["label"].sum()), "patients": len(set(patients(compared)))},
                "missing": int((images["status"] == MISSING).sum()),
                "no_truth": int((images["status"] == NO_TRUTH).sum()),
            }
        )
    return pd.DataFrame(rows)


def _warnings(
    name: str, run: ClassifierRun, table: pd.DataFrame, areas: Mapping[str, AreaUnderCurve], runs: int
) -> list[str]:
    lines = [
        f"{name}: AUC {area.estimate:.3f} at {site} is below 0.5: is the class index turned round? "
        f"See the histogram of scores in {chart_name('scores', name, runs)}"
        for site, area in areas.items()
        if area.estimate < 0.5
    ]
    if run.uncalibrated:
        lines.append(
            f"{name}: {run.uncalibrated} probabilities are not calibrated; decisions are those of threshold 0.5, "
            "chosen on no data"
        )
    done = table[table["status"] == OK]
    if len(set(patients(done))) < len(done):
        lines.append(
            f"{name}: some patients have several images; Clopper-Pearson intervals take images for independent"
        )
    return lines


def _about(run: ClassifierRun) -> dict[str, Any]:
    kept: dict[str, Any] = {key: run.record[key] for key in ("bundle", "version", "complete") if key in run.record}
    return {"folder": str(run.folder), "weights_sha256": run.weights_sha256} | kept


def report_classification(
    runs: Mapping[str, str | Path], dataset_dir: str | Path, output_dir: str | Path, **options: Any
) -> ClassificationEvaluation:
    """Evaluate saved scores, write what :meth:`ClassificationEvaluation.save` writes, and print the table.

    Args:
        runs: see :func:`evaluate_classification`.
        dataset_dir: see :func:`evaluate_classification`.
        output_dir: folder for tables and charts.
        options: those of :func:`evaluate_classification`.

    Raises:
        DataIndexError: see :func:`evaluate_classification`.
        EvaluationError: see :func:`evaluate_classification`.
        OSError: the output folder cannot be written.
    """
    return deliver(evaluate_classification(runs, dataset_dir, **options), output_dir)
