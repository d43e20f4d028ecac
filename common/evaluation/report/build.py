"""The report as data: every figure of the page, and nothing else."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from ...data import read_index
from ...data.index import INDEX_NAME
from ...io import file_sha256
from ..classification import index_folder
from ..errors import EvaluationError
from .issues import ERROR, NOTE, Issue, in_order
from .lesion_part import lesion_part, lesion_tables
from .localization_part import localization_part, localization_tables
from .mask_part import in_use, mask_part, mask_table
from .methods import methods_text
from .models import MASK_TASKS, Model
from .options import CLASSIFICATION, LESIONS, LOCALIZATION, ReportOptions
from .quality import index_issues, outcome_issues, overlap_issues
from .score_part import classification_part
from .score_tables import score_table
from .selection import clean_index
from .verdict import matrix_rows, unused_targets, verdict_rows

FORMAT = 1
_PACKAGES = ("cxr-tb-common", "monai", "numpy", "scipy", "scikit-learn", "scikit-image", "pandas")


@dataclass
class Report:
    """A report in memory.

    Args:
        record: all figures, ready for JSON; the page is made of it.
        models: the models.
        index: the cleaned index.
        dataset_dir: its folder.
        options: of the report.
    """

    record: dict[str, Any]
    models: list[Model]
    index: pd.DataFrame
    dataset_dir: Path
    options: ReportOptions

    @property
    def complete(self) -> bool:
        """Whether every selected image that has a truth is in the figures."""
        return not any(found["severity"] == ERROR for found in self.record["quality"])


def build_report(models: Sequence[Model], dataset_dir: str | Path, options: ReportOptions | None = None) -> Report:
    """Evaluate everything that the models have.

    Args:
        models: see :func:`.models.read_models`.
        dataset_dir: folder with ``index.csv``, or that file.
        options: of the report.

    Raises:
        DataIndexError: no index, an unknown site, column or split.
        EvaluationError: files that cannot be read, or a model without an image that could be judged.
    """
    options = options or ReportOptions()
    models = list(models)
    folder = index_folder(dataset_dir)
    listed = read_index(folder)
    index, issues = clean_index(listed)
    absent = [name for name in options.subgroups if name not in index.columns]
    if absent:
        raise EvaluationError(
            f"--subgroups: the index has no column {', '.join(absent)}; found {', '.join(index.columns)}"
        )
    parts: dict[str, dict[str, Any]] = {}
    tested: dict[str, set[str]] = {}
    scoring = in_use(models, CLASSIFICATION)
    if scoring:
        tables = {}
        for model in scoring:
            tables[model.name], found = score_table(model, index, listed, options)
            issues += found + outcome_issues(model.name, CLASSIFICATION, tables[model.name])
        tested[options.split_column or "cls_split"] = _images(tables.values())
        parts[CLASSIFICATION], found = classification_part(tables, options)
        issues += found
    for name, (task, split_column) in MASK_TASKS.items():
        segmenting = in_use(models, name)
        if not segmenting:
            continue
        tables = {}
        for model in segmenting:
            tables[model.name], found = mask_table(model, index, listed, folder, task, split_column, options)
            issues += found + outcome_issues(model.name, name, tables[model.name])
        column = options.split_column or split_column
        tested[column] = tested.get(column, set()) | _images(tables.values())
        parts[name] = mask_part(name, tables, index, options)
    outlining = in_use(models, LESIONS)
    if outlining:
        column = options.split_column or "det_split"
        lesions = {}
        for model in outlining:
            lesions[model.name], found = lesion_tables(model, index, listed, folder, column, options)
            issues += found + outcome_issues(model.name, LESIONS, lesions[model.name].images)
        tested[column] = tested.get(column, set()) | _images(each.images for each in lesions.values())
        parts[LESIONS] = lesion_part(lesions, index, options)
    regions: dict[str, Any] = {}
    for model in in_use(models, LOCALIZATION):
        located, found = localization_tables(model, index, listed, folder, options)
        regions |= located
        issues += found
        for run, each in located.items():
            issues += outcome_issues(run, LOCALIZATION, each.images)
    if regions:
        parts[LOCALIZATION] = localization_part(regions, options)
    if not parts:
        raise EvaluationError(f"{folder / INDEX_NAME}: knows no truth for anything that these runs predict")
    issues += _data_issues(index, tested, folder, models, options)
    verdict = verdict_rows(parts, models, options.targets)
    issues += [
        Issue(NOTE, "target without figures", "targets", f"{text}: nothing in this report has this figure", (), 1)
        for text in unused_targets(options.targets, parts)
    ]
    issues += [
        Issue(ERROR, "run not finished", model.name, "its run.json says that it was interrupted", (), 1)
        for model in models
        if not model.about()["complete"]
    ]
    packages = {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}
    methods, references = methods_text(parts, options, packages, [model.about() for model in models])
    record = {
        "format": FORMAT,
        "title": options.title,
        "settings": options.record() | {"index": str(folder), "index_sha256": file_sha256(folder / INDEX_NAME)},
        "packages": packages,
        "models": [model.about() for model in models],
        "verdict": verdict,
        "matrix": matrix_rows(verdict, models),
        "tasks": parts,
        "quality": [found.record() for found in in_order(issues)],
        "methods": methods,
        "references": references,
    }
    return Report(record, models, index, folder, options)


def _images(tables: Any) -> set[str]:
    return set().union(*(set(table["image"]) for table in tables))


def _data_issues(
    index: pd.DataFrame,
    tested: dict[str, set[str]],
    folder: Path,
    models: Sequence[Model],
    options: ReportOptions,
) -> list[Issue]:
    """Findings about the images themselves; the same finding of two tasks is told once."""
    found: dict[Issue, None] = {}
    for split_column, images in tested.items():
        rows = index[index["image"].isin(images)]
        for item in [
            *index_issues(rows, options.subgroups),
            *overlap_issues(index, rows, folder, models, split_column),
        ]:
            found[item] = None
    return list(found)
