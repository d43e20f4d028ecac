"""What a report says of localisation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ..cases import choose_cases
from ..errors import EvaluationError
from ..frames import records
from ..localization import compare_regions, detection_by_site
from ..localization_summary import localization_outcomes, paired_localization, summarize_localization
from ..localized_images import LocalizationRun, read_localization_run
from ..masks import FINAL, OK
from .issues import NOTE, WARNING, Issue, issue
from .models import Model
from .options import LOCALIZATION, ReportOptions
from .selection import selected_rows, sites_of


def localization_tables(
    model: Model, index: pd.DataFrame, dataset_dir: Path, options: ReportOptions
) -> tuple[dict[str, tuple[LocalizationRun, pd.DataFrame, pd.DataFrame]], list[Issue]]:
    """Images and regions of every run of a model that localised.

    Args:
        model: a model with regions.
        index: the cleaned index.
        dataset_dir: folder of the index.
        options: of the report.

    Returns:
        By name: the run, its table of images and that of regions, see :func:`..localization.evaluate_localization`;
        nothing where the index knows no boxes of its images. And what is wrong with the data.

    Raises:
        DataIndexError: an unknown site, column or split.
        EvaluationError: unreadable files, or no image that could be compared.
    """
    found: dict[str, tuple[LocalizationRun, pd.DataFrame, pd.DataFrame]] = {}
    issues: list[Issue] = []
    runs = model.having(LOCALIZATION)
    for place in runs:
        run = read_localization_run(place.folder, dataset_dir)
        name = model.name if len(runs) == 1 else f"{model.name} ({place.folder.name})"
        boxed = index[index["boxes"].str.strip() != ""]
        sites = sites_of(boxed, set(run.regions))
        sites = [site for site in options.sites if site in sites] if options.sites else sites
        if not sites:
            line = "regions were saved, but the index has no boxes of these images: localisation is not judged"
            issues.append(Issue(NOTE, "no true boxes", name, line, (), len(run.regions)))
            continue
        split_column = options.split_column or "det_split"
        chosen = selected_rows(index, sites, split_column, options.splits_of(LOCALIZATION))
        rows = chosen.rows
        issues += chosen.issues(name, split_column)
        with_maps = run.has_maps(rows["image"])
        if not with_maps:
            line = "no evidence maps were saved; pointing game and share of evidence are left out"
            issues.append(Issue(WARNING, "no evidence maps", name, line, (), len(rows)))
        try:
            images, regions = compare_regions(run, rows, split_column, with_maps, "")
        except EvaluationError as error:
            raise EvaluationError(f"{name}: {error}") from error
        unknown = sorted(set(run.regions) - set(index["image"]))
        issues += issue(WARNING, "regions of an image that is not in the index", name, "in no figure", unknown)
        found[name] = (run, images, regions)
    return found, issues


def localization_part(
    tables: Mapping[str, tuple[LocalizationRun, pd.DataFrame, pd.DataFrame]], options: ReportOptions
) -> dict[str, Any]:
    """All figures of localisation, ready for JSON.

    Args:
        tables: see :func:`localization_tables`.
        options: of the report.
    """
    settings: dict[str, Any] = {"repeats": options.repeats, "seed": options.seed}
    part: dict[str, Any] = {"settings": {}, "outcomes": [], "summary": [], "detection": [], "cases": []}
    for name, (run, images, regions) in tables.items():
        mark = {"run": name}
        part["settings"][name] = run.settings
        part["outcomes"] += [mark | row for row in records(localization_outcomes(images))]
        part["summary"] += [mark | row for row in records(summarize_localization(images, **settings))]
        found = detection_by_site(images, regions, options.repeats, options.seed)
        part["detection"] += [mark | row for row in records(found)]
        boxed = images[(images["status"] == OK) & (images["boxes"] > 0)]
        if options.cases and len(boxed):
            ranked = boxed.assign(stage=FINAL, outside=1 - boxed["evidence_share"].astype(float))
            cases = choose_cases(ranked, options.cases, tie="outside")
            worst = cases[cases["kind"] == "worst"]
            shown = ["dataset", "rank", "image", "boxes", "regions", "dice", "iou", "pointing", "evidence_share"]
            part["cases"] += [mark | row for row in records(worst[shown].astype(object))]
    part["paired"] = records(paired_localization({name: images for name, (_, images, _) in tables.items()}, **settings))
    return part
