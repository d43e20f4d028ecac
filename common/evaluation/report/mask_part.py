"""What a report says of segmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...metrics import SEGMENTATION_METRICS
from ..bootstrap import SHARE, bootstrap_mean
from ..cases import choose_cases
from ..checks import require_compared
from ..compare import read_run
from ..errors import EvaluationError
from ..frames import records
from ..heterogeneity import rank_spread
from ..masks import FINAL, OK, PER_IMAGE_COLUMNS, MaskTask, evaluate_masks, unknown_predictions
from ..paired import paired_differences, with_adjusted_p
from ..spacing import Spacing, site_spacing
from ..subgroups import cohorts
from ..summary import count_outcomes, patients, summarize
from .groups import cap_groups, known_columns
from .issues import NOTE, WARNING, Issue, issue
from .models import Model, Run
from .options import ReportOptions
from .ownership import lacking_rows, owners_of, shared_out, unrelated
from .selection import selected_rows, sites_of

#: Figures whose spread is shown.
SPREAD = ("dice", "iou", "hd95", "assd")


def mask_table(
    model: Model,
    index: pd.DataFrame,
    listed: pd.DataFrame,
    dataset_dir: Path,
    task: MaskTask,
    split_column: str,
    options: ReportOptions,
) -> tuple[pd.DataFrame, list[Issue]]:
    """One row a selected image, as :func:`..masks.evaluate_masks` gives them, of the masks as delivered.

    Args:
        model: a model with masks of the task.
        index: the cleaned index.
        listed: the index as it was read; what only contradictory rows speak of is not unknown.
        dataset_dir: folder of the index.
        task: what is evaluated.
        split_column: index column with the splits of the task.
        options: of the report.

    Raises:
        DataIndexError: an unknown site, column or split.
        EvaluationError: a folder that cannot be read, or no image with truth and prediction.
    """
    runs = model.having(task.name)
    split_column = options.split_column or split_column
    owners = owners_of(runs, index, dataset_dir, task.name)
    sites = options.sites or sites_of(index, set(owners))
    if not sites:
        raise EvaluationError(unrelated(runs[0].folder))
    chosen = selected_rows(index, sites, split_column, options.splits_of(task.name))
    rows = chosen.rows
    pixels = site_spacing(options.spacing, index["dataset"])
    parts = [
        _evaluated(run, own) if run.evaluated else _evaluate(run, own, dataset_dir, task, split_column, pixels, options)
        for run, own in shared_out(rows, runs, owners)
    ]
    table = pd.concat(parts, ignore_index=True)
    table = table[table["stage"] == FINAL].reset_index(drop=True)
    require_compared(table, runs[0].folder, f"a true mask of the {task.name}")
    unknown = [
        path
        for run in runs
        if not run.evaluated
        for path in unknown_predictions(run.folder, listed, dataset_dir, name=task.name)
    ]
    issues = issue(WARNING, "mask for an image that is not in the index", model.name, "in no figure", unknown)
    issues += chosen.issues(model.name, split_column)
    empty = table[(table["status"] == OK) & (table["tp"] + table["fp"] == 0)]
    issues += issue(NOTE, "empty prediction", model.name, f"no {task.name} found; in the figures", empty["image"])
    return table, issues


def _evaluated(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Figures of an earlier evaluation of the selected images; those that it lacks are missing."""
    table = read_run(run.folder)
    found = table[table["image"].isin(rows["image"])]
    missing = lacking_rows(rows, found, run.folder, PER_IMAGE_COLUMNS).assign(stage=FINAL, unit="px")
    return pd.concat([found, missing], ignore_index=True)


def _evaluate(
    run: Run,
    rows: pd.DataFrame,
    dataset_dir: Path,
    task: MaskTask,
    split_column: str,
    pixels: Mapping[str, Spacing],
    options: ReportOptions,
) -> pd.DataFrame:
    """In several processes; each compares one pair of masks at a time."""
    work = partial(
        _compare,
        folder=run.folder,
        dataset_dir=dataset_dir,
        task=task.name,
        split_column=split_column,
        pixels=dict(pixels),
        tolerance=options.tolerance,
    )
    processes = min(options.processes, len(rows))
    if processes == 1:
        return work(rows)
    parts = [rows.iloc[places] for places in np.array_split(np.arange(len(rows)), min(len(rows), 8 * processes))]
    with ProcessPoolExecutor(processes) as pool:
        return pd.concat(pool.map(work, parts), ignore_index=True)


def _compare(
    rows: pd.DataFrame,
    *,
    folder: Path,
    dataset_dir: Path,
    task: str,
    split_column: str,
    pixels: Mapping[str, Spacing],
    tolerance: float | None,
) -> pd.DataFrame:
    from .models import MASK_TASKS  # a task holds a function, which does not travel to other processes

    return evaluate_masks(
        folder,
        rows,
        dataset_dir,
        task=MASK_TASKS[task][0],
        split_column=split_column,
        spacing=pixels,
        tolerance=tolerance,
    )


def mask_part(
    task: str, tables: Mapping[str, pd.DataFrame], index: pd.DataFrame, options: ReportOptions
) -> dict[str, Any]:
    """All figures of a task of segmentation, ready for JSON.

    Args:
        task: name of the masks.
        tables: by model, see :func:`mask_table`.
        index: the cleaned index, for the subgroups.
        options: of the report.
    """
    names = ("outcomes", "summary", "subgroups", "heterogeneity", "spread", "cases")
    part: dict[str, Any] = {"task": task, **{name: [] for name in names}}
    statements: list[str] = []
    settings = {"repeats": options.repeats, "seed": options.seed}
    for model, table in tables.items():
        mark = {"run": model}
        outcomes = count_outcomes(table)
        known = table[table["status"] == OK].groupby("dataset")
        people = {site: len(set(patients(images))) for site, images in known}
        outcomes["patients"] = [people.get(site, sum(people.values())) for site in outcomes["dataset"]]
        part["outcomes"] += [mark | row for row in records(outcomes)]
        part["summary"] += [mark | row for row in records(summarize(table, **settings))]
        rows, told = _subgroups(table, index, options)
        part["subgroups"] += [mark | row for row in rows]
        statements += [line for line in told if line not in statements]
        between = rank_spread(table[table["status"] == OK], "dice")
        part["heterogeneity"] += [] if between is None else [mark | between._asdict()]
        part["spread"] += [mark | row for row in _spread(table)]
        if options.cases:
            cases = choose_cases(table, options.cases)
            worst = cases[cases["kind"] == "worst"]
            shown = ["dataset", "rank", "image", "unit", "dice", "iou", "hd95", "assd", "tp", "fp", "fn"]
            part["cases"] += [mark | row for row in records(worst[shown].astype(object))]
    part["statements"] = statements
    part["paired"] = _paired(tables, settings)
    return part


def _subgroups(
    table: pd.DataFrame, index: pd.DataFrame, options: ReportOptions
) -> tuple[list[dict[str, Any]], list[str]]:
    """Mean Dice of every site and subgroup with its interval."""
    done = table[table["status"] == OK]
    columns = [name for name in dict.fromkeys(options.subgroups) if name in index.columns]
    about = index.set_index("image").loc[done["image"], columns].reset_index(drop=True)
    images, told = cap_groups(pd.concat([done.reset_index(drop=True), about], axis=1), columns)
    rows = []
    for site, column, group, members in cohorts(images, known_columns(images, columns), options.age_bands):
        values = members["dice"].to_numpy(dtype=np.float64)
        found = bootstrap_mean(
            values, groups=patients(members), repeats=options.repeats, seed=options.seed, limits=SHARE
        )
        who = {"dataset": site, "subgroup": column, "group": group, "metric": "dice", "n": len(members)}
        rows.append(who | dict(zip(("estimate", "low", "high"), found, strict=True)))
    return records(pd.DataFrame(rows)), told


def _spread(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Minimum, quartiles and maximum of single images."""
    rows = []
    done = table[table["status"] == OK]
    for (site, unit), images in done.groupby(["dataset", "unit"], sort=False):
        for metric in SPREAD:
            ends = np.percentile(images[metric].to_numpy(dtype=np.float64), [0, 5, 25, 50, 75, 95, 100])
            names = ("min", "p5", "q1", "median", "q3", "p95", "max")
            length = unit if SEGMENTATION_METRICS[metric].is_distance else ""
            rows.append(
                {"dataset": site, "metric": metric, "unit": length, "n": len(images)}
                | dict(zip(names, map(float, ends), strict=True))
            )
    return rows


def _paired(tables: Mapping[str, pd.DataFrame], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every model against the first, the false discovery rate controlled over the table (Benjamini and Hochberg)."""
    done = {name: table[table["status"] == OK] for name, table in tables.items()}
    (first, baseline), *others = done.items()
    found = [
        paired_differences((first, baseline), (name, table), **settings)
        for name, table in others
        if set(table["image"]) & set(baseline["image"])
    ]
    if not found:
        return []
    return records(with_adjusted_p(pd.concat(found, ignore_index=True)))


def in_use(models: Sequence[Model], task: str) -> list[Model]:
    """Models that have results of a task."""
    return [model for model in models if model.having(task)]
