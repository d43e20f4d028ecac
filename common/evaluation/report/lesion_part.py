"""What a report says of lesions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...metrics import hit_rule_text
from ..bootstrap import group_codes
from ..cases import choose_cases
from ..checks import require_compared
from ..errors import EvaluationError
from ..frames import marked, records
from ..known_lungs import NONE, KnownLungs
from ..lesion_cases import worst_normal
from ..lesion_comparison import compare_lesions
from ..lesion_figures import LESION_FIGURES, NORMAL
from ..lesion_froc import MEAN, froc_curve, lesion_froc
from ..lesion_images import PER_IMAGE_COLUMNS, TRUTH, LesionMeasure, measure_lesions
from ..lesion_run import MASKS, read_lesion_run
from ..lesion_seeds import AVERAGE_PRECISION, DETECTION, LesionTables, read_lesion_files
from ..lesion_summary import lesion_outcomes, summarize_lesions
from ..localization import detection_by_site
from ..localization_summary import image_statistics
from ..masks import FINAL, OK, unknown_predictions
from ..resampling import draw_weights, varied_quantiles
from ..subgroups import cohorts
from ..summary import patients
from .groups import cap_groups, known_columns
from .issues import NOTE, WARNING, Issue, issue
from .models import Model, Run
from .options import LESIONS, ReportOptions
from .ownership import lacking_rows, owners_of, shared_out, unrelated
from .selection import selected_rows, sites_of

#: Means of images with true boxes and of normal images that are given by subgroup.
WITH_BOXES_MEANS, NORMAL_MEANS = ("dice", "iou"), ("false_positive_share", "any_false_positive")
#: Figures of all lesions together that are given by subgroup: (name, IoU).
TOGETHER = ((AVERAGE_PRECISION, 0.3), (AVERAGE_PRECISION, 0.5), (MEAN, None))
_WORST = ("dataset", "kind", "rank", "image", "boxes", "lesions", "dice", "iou", "found", "false_positives")


def lesion_tables(
    model: Model,
    index: pd.DataFrame,
    listed: pd.DataFrame,
    dataset_dir: Path,
    split_column: str,
    options: ReportOptions,
) -> tuple[LesionTables, list[Issue]]:
    """Images and lesions of a model, those of its runs together.

    Args:
        model: a model with lesions.
        index: the cleaned index.
        listed: the index as it was read; what only contradictory rows speak of is not unknown.
        dataset_dir: folder of the index.
        split_column: index column with the splits.
        options: of the report.

    Returns:
        One row a selected image, whatever its status, and one a lesion, see
        :func:`..lesion_images.measure_lesions`; and what is wrong with the data.

    Raises:
        DataIndexError: an unknown site, column or split.
        EvaluationError: unreadable files, no image that could be compared, or runs with different hit rules.
        RegionFileError: a ``lesions.json`` of another form.
    """
    runs = model.having(LESIONS)
    owners = owners_of(runs, index, dataset_dir, MASKS)
    sites = options.sites or sites_of(index, set(owners))
    if not sites:
        raise EvaluationError(unrelated(runs[0].folder))
    chosen = selected_rows(index, sites, split_column, options.splits_of(LESIONS))
    known = KnownLungs(dataset_dir, options.lungs_dir)
    parts: list[LesionTables] = []
    issues = chosen.issues(model.name, split_column)
    for run, rows in shared_out(chosen.rows, runs, owners):
        if run.evaluated:
            parts.append(_evaluated(run, rows))
            continue
        saved = read_lesion_run(run.folder, dataset_dir)
        measure = LesionMeasure(saved, known, options.hit, split_column)
        parts.append(
            LesionTables(run.folder, *measure_lesions(measure, rows, processes=options.processes), options.hit)
        )
        if saved.regions is None:
            line = f"{run.folder}: connected components of the masks stand in for them"
            issues.append(Issue(WARNING, "no lesions.json", model.name, line, (), 1))
        unknown = unknown_predictions(run.folder, listed, dataset_dir, name=MASKS)
        issues += issue(WARNING, "mask for an image that is not in the index", model.name, "in no figure", unknown)
    rules = list(dict.fromkeys(part.hit_rule for part in parts))
    if len(rules) > 1:
        raise EvaluationError(f"{model.name}: its evaluations have different hit rules, {rules}")
    images = pd.concat([part.images for part in parts], ignore_index=True)
    lesions = pd.concat([part.lesions for part in parts], ignore_index=True)
    require_compared(images, runs[0].folder, TRUTH)
    done = images[images["status"] == OK]
    without = done.loc[(done["truth"] == NORMAL) & (done["lungs"] == NONE), "image"]
    text = "the index names no lung mask of these normal images; they are not in the false area as a share of the lungs"
    issues += issue(NOTE, "lungs not known", model.name, text, without)
    return LesionTables(runs[0].folder, images, lesions, rules[0]), issues


def _evaluated(run: Run, rows: pd.DataFrame) -> LesionTables:
    """An earlier evaluation of the selected images; those that it lacks are missing."""
    saved = read_lesion_files(run.folder)
    found = saved.images[saved.images["image"].isin(rows["image"])]
    lacking = lacking_rows(rows, found, run.folder, PER_IMAGE_COLUMNS)
    images = pd.concat([found, lacking], ignore_index=True) if len(lacking) else found
    lesions = saved.lesions[saved.lesions["image"].isin(found["image"])]
    return LesionTables(run.folder, images, lesions, saved.hit_rule)


def lesion_part(tables: Mapping[str, LesionTables], index: pd.DataFrame, options: ReportOptions) -> dict[str, Any]:
    """All figures of lesions, ready for JSON.

    Args:
        tables: by model, see :func:`lesion_tables`.
        index: the cleaned index, for the subgroups.
        options: of the report.
    """
    draws: dict[str, Any] = {"repeats": options.repeats, "seed": options.seed}
    names = ("outcomes", "summary", "subgroups", "detection", "froc", "froc_curve", "cases")
    part: dict[str, Any] = {"hit_rule": {}, "statements": [], **{name: [] for name in names}}
    for model, found in tables.items():
        mark = {"run": model}
        images, lesions = found.images, found.lesions
        done = images[images["status"] == OK]
        part["hit_rule"][model] = hit_rule_text(found.hit_rule) if isinstance(found.hit_rule, str | float) else None
        outcomes = [row | {"positives": row["with_boxes"]} for row in records(lesion_outcomes(images))]
        rows, told = _subgroups(found, index, options)
        part["statements"] += [line for line in told if line not in part["statements"]]
        new = {
            "outcomes": outcomes,
            "summary": records(summarize_lesions(images, **draws)),
            "subgroups": rows,
            "detection": records(detection_by_site(images, lesions, options.repeats, options.seed)),
            "cases": _cases(done, options.cases),
        }
        for site, _, _, members in cohorts(done):
            own = lesions[lesions["image"].isin(members["image"])]
            place = {"dataset": site}
            new["froc"] = [*new.get("froc", []), *(place | row for row in lesion_froc(members, own, **draws))]
            curve = records(marked(_corners(froc_curve(members, own)), place)) if members["boxes"].any() else []
            new["froc_curve"] = [*new.get("froc_curve", []), *curve]
        new["froc"] = records(pd.DataFrame(new["froc"]))
        for name, found_rows in new.items():
            part[name] += [mark | row for row in found_rows]
    part["paired"], part["paired_detection"] = _compared(tables, draws)
    return part


def _corners(curve: pd.DataFrame) -> pd.DataFrame:
    """The points between which a curve goes straight; the same line with fewer points."""
    level = curve["sensitivity"]
    inner = level.eq(level.shift()) & level.eq(level.shift(-1))
    return curve[~inner]


def _cases(done: pd.DataFrame, count: int) -> list[dict[str, Any]]:
    """Worst images with true boxes, and worst normal images as kind "normal"."""
    if not count:
        return []
    boxed = done[done["boxes"] > 0].assign(stage=FINAL)
    parts = [worst_normal(done, count).assign(kind=NORMAL)]
    if len(boxed):
        cases = choose_cases(boxed, count, "area_error_absolute")
        parts.insert(0, cases[cases["kind"] == "worst"])
    columns = [*_WORST, *NORMAL_MEANS[:1]]
    return [row for part in parts for row in records(part[columns].astype(object))]


def _subgroups(
    found: LesionTables, index: pd.DataFrame, options: ReportOptions
) -> tuple[list[dict[str, Any]], list[str]]:
    """Figures of every site and subgroup with their intervals."""
    done = found.images[found.images["status"] == OK]
    columns = [name for name in dict.fromkeys(options.subgroups) if name in index.columns]
    about = index.set_index("image").loc[done["image"], columns].reset_index(drop=True)
    images, told = cap_groups(pd.concat([done.reset_index(drop=True), about], axis=1), columns)
    judged = LesionTables(found.folder, done, found.lesions, found.hit_rule)
    rows = []
    for site, column, group, members in cohorts(images, known_columns(images, columns), options.age_bands):
        who = {"dataset": site, "subgroup": column, "group": group}
        boxed, normal = members[members["boxes"] > 0], members[members["truth"] == NORMAL]
        for metric, kind in [(name, boxed) for name in WITH_BOXES_MEANS] + [(name, normal) for name in NORMAL_MEANS]:
            values = kind[metric].astype(np.float64).dropna()
            if len(values):
                all_of = image_statistics(
                    values, kind.loc[values.index], options.repeats, options.seed, LESION_FIGURES[metric].limits
                )
                bounds = {"estimate": all_of["mean"], "low": all_of["mean_low"], "high": all_of["mean_high"]}
                rows.append({**who, "metric": metric, "iou": np.nan, "n": len(values), **bounds})
        if len(boxed):
            rows += [who | row for row in _together(judged, members, options)]
    return records(pd.DataFrame(rows)), told


def _together(judged: LesionTables, members: pd.DataFrame, options: ReportOptions) -> Sequence[dict[str, Any]]:
    """Average precision and FROC of some images; ``n`` counts these with their normal ones."""
    codes = group_codes(patients(members), len(members))
    # The first draw is the data as they are.
    weights = chain([np.ones(len(members))], draw_weights(codes, options.repeats, options.seed))
    drawn = judged.draws(members, weights)
    ends = varied_quantiles(drawn[1:], 0.95)
    rows = []
    for place, (name, overlap) in enumerate(DETECTION):
        iou = None if np.isnan(overlap) else overlap
        if (name, iou) in TOGETHER:
            low, high = map(float, ends[:, place])
            bounds = {"estimate": float(drawn[0, place]), "low": low, "high": high}
            rows.append({"metric": name, "iou": overlap, "n": len(members), **bounds})
    return rows


def _compared(
    tables: Mapping[str, LesionTables], draws: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Every model against the first on the images that all have; nothing where there are none."""
    done = {
        name: LesionTables(each.folder, each.images[each.images["status"] == OK], each.lesions, each.hit_rule)
        for name, each in tables.items()
    }
    common = set.intersection(*(set(each.images["image"]) for each in done.values()))
    if len(done) < 2 or not common:
        return [], []
    found = compare_lesions({name: [each] for name, each in done.items()}, **draws)
    others = found.detection[found.detection["run"] != found.detection["baseline"]]
    return records(found.paired), records(others)
