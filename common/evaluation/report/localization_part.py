"""What a report says of localisation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ..cases import choose_cases
from ..checks import require_compared
from ..compare import read_table
from ..errors import EvaluationError
from ..frames import records
from ..localization import PER_IMAGE_COLUMNS, compare_regions, detection_by_site
from ..localization_figures import REGION_COLUMNS
from ..localization_summary import localization_outcomes, paired_localization, summarize_localization
from ..localized_images import REGION_SETTINGS, read_localization_run
from ..masks import FINAL, OK
from ..result import PER_IMAGE
from ..run_record import read_record
from .issues import NOTE, WARNING, Issue, issue
from .models import Model, Run
from .options import LOCALIZATION, ReportOptions
from .ownership import lacking_rows
from .selection import selected_rows, sites_of


class Located(NamedTuple):
    """What a run has localised.

    Args:
        images: one row an image, see :func:`..localization.compare_regions`.
        regions: one row a region.
        settings: how it was localised, see :data:`..localized_images.REGION_SETTINGS`.
    """

    images: pd.DataFrame
    regions: pd.DataFrame
    settings: dict[str, Any]


def localization_tables(
    model: Model, index: pd.DataFrame, listed: pd.DataFrame, dataset_dir: Path, options: ReportOptions
) -> tuple[dict[str, Located], list[Issue]]:
    """Images and regions of every run of a model that localised.

    Args:
        model: a model with regions.
        index: the cleaned index.
        listed: the index as it was read; what only contradictory rows speak of is not unknown.
        dataset_dir: folder of the index.
        options: of the report.

    Returns:
        What each run has localised, by name; nothing where the index knows no boxes of its images. And what is wrong
        with the data.

    Raises:
        DataIndexError: an unknown site, column or split.
        EvaluationError: unreadable files, or no image that could be compared.
    """
    found: dict[str, Located] = {}
    issues: list[Issue] = []
    runs = model.having(LOCALIZATION)
    for place in runs:
        name = model.name if len(runs) == 1 else f"{model.name} ({place.folder.name})"
        if place.evaluated:
            earlier, told = _evaluated(place, name, index, options)
            found |= earlier
            issues += told
            continue
        run = read_localization_run(place.folder, dataset_dir)
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
        unknown = sorted(set(run.regions) - set(listed["image"]))
        issues += issue(WARNING, "regions of an image that is not in the index", name, "in no figure", unknown)
        found[name] = Located(images, regions, run.settings)
    return found, issues


def _evaluated(
    place: Run, name: str, index: pd.DataFrame, options: ReportOptions
) -> tuple[dict[str, Located], list[Issue]]:
    """Every run of an earlier evaluation, as far as its images are selected; those that it lacks are missing."""
    text = ("run", "dataset", "image", "patient_id", "split", "status", "reason")
    images = read_table(place.folder / PER_IMAGE, ("run", *PER_IMAGE_COLUMNS), text)
    regions = read_table(place.folder / "regions.csv", ("run", "dataset", "image", *REGION_COLUMNS), text)
    about = read_record(place.folder / "summary.json").get("settings", {}).get("runs", {})
    sites = options.sites or sites_of(index, set(images["image"]))
    if not sites:
        raise EvaluationError(f"{place.folder}: none of its images is in the index")
    split_column = options.split_column or "det_split"
    chosen = selected_rows(index, sites, split_column, options.splits_of(LOCALIZATION))
    rows = chosen.rows[chosen.rows["boxes"].str.strip() != ""]
    found = {}
    for run, table in images.groupby("run", sort=False):
        own = table[table["image"].isin(rows["image"])]
        lacking = lacking_rows(rows, own, place.folder, PER_IMAGE_COLUMNS)
        own = pd.concat([own, lacking], ignore_index=True) if len(lacking) else own.reset_index(drop=True)
        require_compared(own, place.folder, "true boxes")
        kept = regions[(regions["run"] == run) & regions["image"].isin(own["image"])]
        settings = {key: value for key, value in about.get(run, {}).items() if key in REGION_SETTINGS}
        label = name if images["run"].nunique() == 1 else f"{name} ({run})"
        found[label] = Located(own.drop(columns="run"), kept.drop(columns="run"), settings)
    return found, chosen.issues(name, split_column)


def localization_part(tables: Mapping[str, Located], options: ReportOptions) -> dict[str, Any]:
    """All figures of localisation, ready for JSON.

    Args:
        tables: see :func:`localization_tables`.
        options: of the report.
    """
    settings: dict[str, Any] = {"repeats": options.repeats, "seed": options.seed}
    part: dict[str, Any] = {"settings": {}, "outcomes": [], "summary": [], "detection": [], "cases": []}
    for name, (images, regions, how) in tables.items():
        mark = {"run": name}
        part["settings"][name] = how
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
    part["paired"] = records(
        paired_localization({name: located.images for name, located in tables.items()}, **settings)
    )
    return part
