"""Figures of the experiment, over seeds and images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ..data import read_index, select
from ..evaluation import bootstrap_mean, join_truth, read_classifier_run, read_run
from ..evaluation.bootstrap import SHARE
from ..evaluation.roc import delong, newcombe
from ..evaluation.tables import markdown_table
from ..io import write_csv
from .compare import FEDERATED, Arm
from .errors import FederatedError
from .result import read_record
from .selection import choose_round

COLUMNS = ("arm", "test_site", "metric", "images", "seeds", "mean", "low", "high", "seed_sd", "lowest", "highest")
DIFFERENCES = ("arm", "test_site", "metric", "images", "seeds", "difference", "low", "high")
SEEDS = ("arm", "seed", "test_site", "metric", "images", "value", "low", "high")
RUNS = ("arm", "seed", "rounds", "steps", "chosen_round", "validation", "seconds")
TABLE, PAIRED, REPORT = "comparison.csv", "differences.csv", "comparison.md"
SEED_TABLE, RUN_TABLE = "seeds.csv", "runs.csv"

#: Figures of one arm at one site: scores [seeds, images], truth [images] (of classification), patients [images].
Figures = tuple[NDArray[np.float64], NDArray[np.bool_] | None, list[str]]


def mean_dice(dice: NDArray[np.float64], patients: Sequence[str]) -> tuple[float, float, float]:
    """Mean over seeds and images, with the interval over patients of the seeds' mean.

    Args:
        dice: shape [seeds, images].
        patients: of each image.
    """
    return tuple(bootstrap_mean(dice.mean(axis=0), groups=list(patients), limits=SHARE))  # type: ignore[return-value]


def dice_difference(
    first: NDArray[np.float64], second: NDArray[np.float64], patients: Sequence[str]
) -> tuple[float, float, float]:
    """Difference of the mean Dice of two arms on the same images, with an interval as of :func:`mean_dice`."""
    each = first.mean(axis=0) - second.mean(axis=0)
    return tuple(bootstrap_mean(each, groups=list(patients)))  # type: ignore[return-value]


def mean_area(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], patients: Sequence[str]
) -> tuple[float, float, float]:
    """Mean of the seeds' areas under the ROC curve, with DeLong's interval of that mean on the logit scale.

    Where the areas vary too little for it, Newcombe's interval (Stat Med 2006) stands in.

    Args:
        scores: shape [seeds, images].
        positive: shape [images].
        patients: of each image.
    """
    areas, covariance = delong(scores, positive, list(patients))
    area, error = float(areas.mean()), float(np.sqrt(covariance.mean()))
    count = min(int(positive.sum()), int((~positive).sum()))
    if not error > 0 or min(area, 1 - area) * count < 1:
        return (area, *newcombe(area, int(positive.sum()), int((~positive).sum())))
    reach = stats.norm.ppf(0.975) * error / (area * (1 - area))
    low, high = 1 / (1 + np.exp(-(np.log(area / (1 - area)) + np.array([-reach, reach]))))
    return area, float(low), float(high)


def area_difference(
    first: NDArray[np.float64], second: NDArray[np.float64], positive: NDArray[np.bool_], patients: Sequence[str]
) -> tuple[float, float, float]:
    """Difference of the mean areas of two arms on the same images, with DeLong's interval (Biometrics 1988)."""
    areas, covariance = delong(np.concatenate([first, second]), positive, list(patients))
    weights = np.repeat([1 / len(first), -1 / len(second)], [len(first), len(second)])
    difference = float(weights @ areas)
    reach = float(stats.norm.ppf(0.975) * np.sqrt(max(weights @ covariance @ weights, 0.0)))
    return difference, difference - reach, difference + reach


def read_arm(runs: Sequence[Arm], site: Sequence[str]) -> Figures:
    """Figures of one arm's seeds on the test images of a site.

    Raises:
        EvaluationError: predictions that are missing.
        FederatedError: seeds with different images.
    """
    read = _read_classes if runs[0].plan.task.bundle == "tb_cls" else _read_masks
    tables = [read(run, site) for run in runs]
    images = tables[0].index
    if any(not table.index.equals(images) for table in tables):
        raise FederatedError(f"{runs[0].plan.output_dir.parent}: seeds were tested on different images")
    scores = np.stack([table["value"].to_numpy(np.float64) for table in tables])
    truth = tables[0]["label"].to_numpy(bool) if "label" in tables[0] else None
    return scores, truth, [str(patient) for patient in tables[0]["patient_id"]]


def _read_masks(run: Arm, site: Sequence[str]) -> pd.DataFrame:
    table = read_run(run.predictions / "evaluation")
    rows = table[(table["stage"] == "final") & (table["status"] == "ok") & table["dataset"].isin(list(site))]
    return rows.assign(value=rows["dice"]).set_index("image").sort_index()


def _read_classes(run: Arm, site: Sequence[str]) -> pd.DataFrame:
    rows = select(read_index(run.plan.dataset_dir), sites=list(site), split_column="cls_split", splits=["test"])
    table = join_truth(read_classifier_run(run.predictions), rows)
    table = table[table["status"] == "ok"]
    return table.assign(value=table["score"]).set_index("image").sort_index()


def summarize_run(run: Arm) -> dict[str, Any]:
    """Row of :data:`RUNS`: rounds are counted from 1; steps are those that a site has made one after another."""
    record = read_record(run.plan.output_dir)
    choice = choose_round(run.plan)
    if record is None:
        raise FederatedError(f"{run.plan.output_dir}: no record of a run")
    values = choice["rounds"][str(choice["best"])].values()
    steps = {
        json.loads((run.plan.folder(name) / "rounds.json").read_text(encoding="utf-8"))[-1]["steps"]
        for name in run.plan.sites
    }
    return {
        "arm": run.name,
        "seed": run.plan.seed,
        "rounds": len(record["rounds"]),
        "steps": "/".join(str(each * len(record["rounds"])) for each in sorted(steps)),
        "chosen_round": choice["best"] + 1,
        "validation": sum(values) / len(values),
        "seconds": record["seconds"],
    }


def summarize_seeds(arms: Mapping[str, Sequence[Arm]], sites: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Rows of :data:`SEEDS`, each with the interval of that seed alone."""
    rows = []
    for name, own in sites.items():
        for arm, runs in arms.items():
            scores, truth, patients = read_arm(runs, own)
            for run, each in zip(runs, scores, strict=True):
                found = mean_dice(each[None], patients) if truth is None else mean_area(each[None], truth, patients)
                about = {"arm": arm, "seed": run.plan.seed, "test_site": name, "images": len(each)}
                about["metric"] = "dice" if truth is None else "auc"
                rows.append(about | dict(zip(("value", "low", "high"), found, strict=True)))
    return rows


def summarize_arms(
    arms: Mapping[str, Sequence[Arm]], sites: Mapping[str, Sequence[str]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of :data:`COLUMNS` and, of the federation against each other arm, of :data:`DIFFERENCES`."""
    rows: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    for name, own in sites.items():
        figures = {arm: read_arm(runs, own) for arm, runs in arms.items()}
        for arm, (scores, truth, patients) in figures.items():
            metric = "dice" if truth is None else "auc"
            each = scores.mean(axis=1) if truth is None else delong(scores, truth)[0]
            mean = mean_dice(scores, patients) if truth is None else mean_area(scores, truth, patients)
            about = {"arm": arm, "test_site": name, "metric": metric, "images": scores.shape[1], "seeds": len(scores)}
            spread = each.std(ddof=1) if len(each) > 1 else ""
            rows.append(
                about
                | dict(zip(("mean", "low", "high"), mean, strict=True))
                | {"seed_sd": spread, "lowest": each.min(), "highest": each.max()}
            )
            if arm == FEDERATED:
                continue
            ours = figures[FEDERATED][0]
            found = (
                dice_difference(ours, scores, patients)
                if truth is None
                else area_difference(ours, scores, truth, patients)
            )
            differences.append(about | dict(zip(("difference", "low", "high"), found, strict=True)))
    return rows, differences


def write_comparison(
    arms: Mapping[str, Sequence[Arm]], sites: Mapping[str, Sequence[str]], output_dir: str | Path
) -> Path:
    """Write ``comparison.csv``, ``differences.csv``, ``seeds.csv``, ``runs.csv`` and ``comparison.md``.

    Args:
        arms: runs of each arm, one a seed; "federated" is among them.
        sites: test sites by name, with the values of the index column ``dataset``.
        output_dir: folder to write to.

    Returns:
        The Markdown file.

    Raises:
        EvaluationError, FederatedError: see :func:`read_arm` and :func:`summarize_run`.
    """
    rows, differences = summarize_arms(arms, sites)
    folder = Path(output_dir)
    write_csv(folder / TABLE, [_rounded(row) for row in rows], COLUMNS)
    write_csv(folder / PAIRED, [_rounded(row) for row in differences], DIFFERENCES)
    each_seed = summarize_seeds(arms, sites)
    write_csv(folder / SEED_TABLE, [_rounded(row) for row in each_seed], SEEDS)
    write_csv(folder / RUN_TABLE, [_rounded(summarize_run(run)) for runs in arms.values() for run in runs], RUNS)
    numbers = ", ".join(str(run.plan.seed) for run in next(iter(arms.values())))
    header = ["trained", "tested", "images", f"{rows[0]['metric']} (95 % interval)", f"seeds {numbers}"]
    body = [
        [
            row["arm"],
            row["test_site"],
            str(row["images"]),
            f"{row['mean']:.4f} ({row['low']:.4f} to {row['high']:.4f})",
            ", ".join(
                f"{seed['value']:.4f}"
                for seed in each_seed
                if (seed["arm"], seed["test_site"]) == (row["arm"], row["test_site"])
            ),
        ]
        for row in rows
    ]
    paired = [
        [
            f"federated - {row['arm']}",
            row["test_site"],
            f"{row['difference']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})",
        ]
        for row in differences
    ]
    text = markdown_table(header, body, text_columns=2)
    text += "\n" + markdown_table(["compared", "tested", "difference (95 % interval)"], paired, text_columns=2)
    (folder / REPORT).write_text(text, encoding="utf-8")
    return folder / REPORT


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(float(value), 6) if isinstance(value, float) else value for name, value in row.items()}
