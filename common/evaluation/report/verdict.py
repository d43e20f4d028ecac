"""The first lines of a report: what was tested on whom, and whether it meets what was asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..lesion_figures import LESION_FIGURES, NORMAL
from ..localization_summary import ALL, WITH_BOXES
from ..operating_point import WHO_TRIAGE
from ..summary import ALL_SITES
from .models import Model
from .options import CLASSIFICATION, LESIONS, LOCALIZATION
from .targets import CLASSIFICATION_TARGETS, MASK_TARGETS, WantedFigure, check_target

#: Figure by which each task is judged first.
LEADING = {
    CLASSIFICATION: ("auc", "AUC"),
    LOCALIZATION: ("pointing", "pointing game"),
    LESIONS: ("dice", "mean Dice of images with boxes"),
}
_MASK_LEADING = ("dice", "mean Dice")
#: Of sites where there is nothing to find.
_NORMAL_LEADING = ("any_false_positive", "share of normal images with a false lesion")


def verdict_rows(
    parts: Mapping[str, Mapping[str, Any]], models: Sequence[Model], targets: Sequence[WantedFigure]
) -> list[dict[str, Any]]:
    """One row a task, model and site.

    Args:
        parts: figures by task.
        models: the models.
        targets: stated ones.

    Returns:
        ``task``, ``run``, ``dataset``, ``home`` (whether the model was trained there; None when not known), ``n``,
        ``positives`` (None for masks), ``figure`` with ``estimate``, ``low``, ``high``, and ``checks``: a list of
        ``target``, ``state`` and ``line``.
    """
    by_name = {model.name: model for model in models}
    rows = []
    for task, part in parts.items():
        for run, site, figures, count in _cohorts(task, part):
            name, label = LEADING.get(task, _MASK_LEADING)
            if task == LESIONS and not count["positives"]:
                name, label = _NORMAL_LEADING
            model = by_name.get(run)
            checks = [
                check_target(target, _figure(figures, target.name), _unit(figures[target.name], count["n"]))
                for target in targets
                if target.name in figures
            ]
            if task == CLASSIFICATION:
                checks = [_who(part, run, site), *checks]
            home = None if model is None or site == ALL_SITES else model.trained_at(site)
            who = {"task": task, "run": run, "dataset": site, "home": home}
            rows.append({**who, **count, "figure": label, **_figure(figures, name), "checks": checks})
    return rows


def _cohorts(
    task: str, part: Mapping[str, Any]
) -> Iterator[tuple[str, str, dict[str, Mapping[str, Any]], dict[str, Any]]]:
    """Whole sites: model, site, figures by name, counts."""
    outcomes = {(row["run"], row["dataset"]): row for row in part["outcomes"]}
    for (run, site), outcome in outcomes.items():
        rows = [row for row in part["summary"] if row["run"] == run and row["dataset"] == site]
        if task == CLASSIFICATION:
            figures = {row["metric"]: row for row in rows if not row["subgroup"]}
        elif task == LOCALIZATION:
            figures = {row["metric"]: row for row in rows if row["images"] == WITH_BOXES}
            figures |= {f"region_{row['metric']}": row for row in rows if row["images"] == ALL}
        elif task == LESIONS:
            figures = {
                row["metric"]: row
                for row in rows
                if row["images"] == NORMAL and LESION_FIGURES[row["metric"]].images == NORMAL
            }
            figures |= {row["metric"]: row for row in rows if row["images"] == WITH_BOXES}
        else:
            # Of a site with and without known pixel size, distances stand in two rows; the larger one is judged.
            figures = {row["metric"]: row for row in sorted(rows, key=lambda row: row["n"])}
        yield (
            run,
            site,
            figures,
            {
                "n": outcome["compared"],
                "positives": outcome.get("positives"),
                "patients": outcome.get("patients"),
            },
        )


def _figure(figures: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    row = figures.get(name)
    if row is None:
        return dict.fromkeys(("estimate", "low", "high"))
    if "estimate" in row:
        return {key: row[key] for key in ("estimate", "low", "high")}
    return {"estimate": row["mean"], "low": row["mean_low"], "high": row["mean_high"]}


def _unit(row: Mapping[str, Any], images: int) -> str:
    """Unit of a length, and how many images it is of where others are measured in another one."""
    unit = row.get("unit")
    if not unit:
        return ""
    return f" {unit} ({row['n']} of {images} images)" if row["n"] < images else f" {unit}"


def _who(part: Mapping[str, Any], run: str, site: str) -> dict[str, Any]:
    found = [row for row in part["targets"] if row["run"] == run and row["dataset"] == site]
    if not found:
        return {"target": str(WHO_TRIAGE), "state": "not shown", "line": "no image that counts"}
    return {"target": str(WHO_TRIAGE), "state": found[0]["state"], "line": found[0]["line"]}


def matrix_rows(verdict: Sequence[Mapping[str, Any]], models: Sequence[Model]) -> list[dict[str, Any]]:
    """Training sites against test sites: the leading figure of each model at each site, in its task.

    Returns:
        The rows of :func:`verdict_rows` that have this figure, without "all" and checks, with ``train_sites``.
    """
    stated = {model.name: list(model.train_sites) for model in models}
    return [
        {key: value for key, value in row.items() if key != "checks"} | {"train_sites": stated.get(row["run"], [])}
        for row in verdict
        if row["dataset"] != ALL_SITES and row["figure"] != _NORMAL_LEADING[1]
    ]


def unused_targets(targets: Sequence[WantedFigure], parts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Targets of figures that no run of the report has."""
    present = {row["metric"] for part in parts.values() for row in part["summary"]}
    if LOCALIZATION in parts:
        present.add("region_dice")
    masks = any(task not in (CLASSIFICATION, LOCALIZATION) for task in parts)
    return [
        str(target)
        for target in targets
        if target.name not in present
        or (target.name in MASK_TARGETS and not masks)
        or (target.name in CLASSIFICATION_TARGETS and CLASSIFICATION not in parts)
    ]
