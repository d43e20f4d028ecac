"""Saved scores of a model, whatever is wrong with some rows, joined with the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...handlers.prediction_record import TABLE
from ..classified_images import LABELS, SCORE_COLUMNS, ClassifierRun, join_truth, unknown_images
from ..errors import EvaluationError
from ..masks import OK
from .issues import ERROR, WARNING, Issue, issue
from .models import Model, Run
from .options import CLASSIFICATION, ReportOptions
from .selection import selected_rows, sites_of

_ACCEPTED: dict[str, tuple[str, Callable[[pd.Series], Any]]] = {
    "tb_score": ("a finite number", np.isfinite),
    "tb_probability": ("a number from 0 to 1", lambda values: (values >= 0) & (values <= 1)),
    "tb": ("0 or 1", lambda values: np.isin(values, (0, 1))),
}


def score_table(
    model: Model, index: pd.DataFrame, listed: pd.DataFrame, options: ReportOptions
) -> tuple[pd.DataFrame, list[Issue]]:
    """One row a selected image, with truth and prediction of a model.

    Args:
        model: a model with scores.
        index: the cleaned index.
        listed: the index as it was read; what only contradictory rows speak of is not unknown.
        options: of the report.

    Returns:
        Table of :func:`..classified_images.join_truth`, and what is wrong with the data.

    Raises:
        DataIndexError: an unknown site, column or split.
        EvaluationError: unreadable files, or no image with truth and prediction.
    """
    run, issues = read_scores(model)
    sites = options.sites or sites_of(index, set(run.predictions["image"]))
    if not sites:
        raise EvaluationError(
            f"{run.folder}: none of its {len(run.predictions)} images is in the index; paths are those below the "
            "dataset_dir of the inference, which must be the folder of the index"
        )
    split_column = options.split_column or "cls_split"
    chosen = selected_rows(index, sites, split_column, options.splits_of(CLASSIFICATION))
    columns = list(dict.fromkeys(options.subgroups))
    rows, wrong = _usable_labels(chosen.rows, options.label)
    table = join_truth(run, rows, label=options.label, split_column=split_column, columns=columns)
    issues += [*chosen.issues(model.name, split_column), *wrong]
    kind = "prediction for an image that is not in the index"
    issues += issue(WARNING, kind, model.name, "these predictions are in no figure", unknown_images(run, listed))
    flags = run.predictions.set_index("image")["flags"].str.split()
    done = table.loc[table["status"] == OK, "image"]
    bare = [image for image in done if "uncalibrated" in flags[image]]
    text = "no operating point stands behind these probabilities: they and the threshold were fitted to no data"
    issues += issue(WARNING, "probabilities not calibrated", model.name, text, bare)
    return table, issues


def _usable_labels(rows: pd.DataFrame, label: str) -> tuple[pd.DataFrame, list[Issue]]:
    """The rows with labels that mean nothing made empty, unless none means anything, and a note on them."""
    if label not in rows.columns:
        return rows, []
    wrong = ~rows[label].str.strip().isin([*LABELS, ""])
    if not wrong.any() or wrong.all():
        return rows, []
    text = f"accepted are 0, 1 and empty, found {rows.loc[wrong, label].iloc[0]}; in no figure"
    usable = rows.assign(**{label: rows[label].where(~wrong, "")})
    return usable, issue(ERROR, f"{label} not usable", "index", text, rows.loc[wrong, "image"])


def read_scores(model: Model) -> tuple[ClassifierRun, list[Issue]]:
    """Read the ``predictions.csv`` of every run of a model.

    Rows that cannot be used get the status "failed" and say why; nothing is left out.

    Raises:
        EvaluationError: an unreadable table, or runs that disagree on an image.
    """
    runs = model.having(CLASSIFICATION)
    parts = [_read(run) for run in runs]
    table = pd.concat(parts, ignore_index=True)
    issues: list[Issue] = []
    for name, (text, fits) in _ACCEPTED.items():
        given = table[name]
        done = table["status"] == OK
        values = pd.to_numeric(given, errors="coerce").where(done)
        wrong = done & ~fits(values)
        if wrong.any():
            table.loc[wrong, "reason"] = (
                name + " is " + given[wrong].where(given[wrong] != "", "empty") + f", not {text}"
            )
            table.loc[wrong, "status"] = "failed"
            message = f"{name} must be {text}, as {given[wrong].iloc[0] or 'nothing'} is not; in no figure"
            issues += issue(ERROR, f"{name} not usable", model.name, message, table.loc[wrong, "image"])
        table[name] = values.where(~wrong)
    table, twice = _once(table, model.name, [str(run.folder) for run in runs])
    numbers = table["status"] != OK
    table.loc[numbers, list(SCORE_COLUMNS)] = np.nan
    return ClassifierRun(runs[0].folder, table, runs[0].record), issues + twice


def _read(run: Run) -> pd.DataFrame:
    path = run.folder / TABLE
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: not a CSV table ({error})") from error
    needed = ["image", "status", "reason", "flags", *SCORE_COLUMNS]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise EvaluationError(f"{path}: column {', '.join(missing)} is missing; found {', '.join(table.columns)}")
    return table[needed].assign(folder=str(run.folder))


def _once(table: pd.DataFrame, name: str, folders: Sequence[str]) -> tuple[pd.DataFrame, list[Issue]]:
    """Each image once: equal rows become one, rows that disagree are not usable."""
    repeated = table[table["image"].duplicated(keep=False)]
    if repeated.empty:
        return table.drop(columns="folder"), []
    told = ["image", "status", *SCORE_COLUMNS]
    distinct = repeated.drop_duplicates(told)
    contradictory = sorted(set(distinct.loc[distinct["image"].duplicated(keep=False), "image"]))
    across = repeated[repeated["image"].isin(contradictory)].groupby("image")["folder"].nunique()
    if (across > 1).any():
        raise EvaluationError(
            f"{' and '.join(folders)} are taken for one model, {name}, and disagree on {int((across > 1).sum())} "
            f"images, {across.index[across > 1][0]} first; tell them apart by --names"
        )
    table = table.drop_duplicates("image").drop(columns="folder").reset_index(drop=True)
    wrong = table["image"].isin(contradictory)
    table.loc[wrong, "status"] = "failed"
    table.loc[wrong, "reason"] = "predicted more than once with different results"
    same = [image for image in dict.fromkeys(repeated["image"]) if image not in set(contradictory)]
    issues = issue(WARNING, "image predicted twice", name, "equal rows; each is counted once", same)
    kind = "image predicted twice with different results"
    return table, issues + issue(ERROR, kind, name, "in no figure", contradictory)
