"""What a report says of classification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ..calibration import calibration_curve
from ..classification_figures import classification_figures, confusion, decision_rates
from ..classifier_runs import paired_runs
from ..decision_curve import decision_curve
from ..frames import records
from ..heterogeneity import heterogeneity
from ..masks import MISSING, NO_TRUTH, OK
from ..operating_point import judge, threshold_counts, with_rates
from ..resampling import BAND_GRID
from ..roc import DELONG, AreaUnderCurve, roc_points
from ..site_shortcut import site_shortcut
from ..subgroups import cohorts
from ..summary import ALL_SITES, patients
from .groups import cap_groups, known_columns
from .issues import WARNING, Issue
from .options import ReportOptions
from .refit import operating_points

_NEEDED = ("dataset", "image", "patient_id", "label", "score", "probability", "decision")
#: Rates whose thresholds are listed: the highest threshold with this sensitivity, the lowest with this specificity.
_SENSITIVITIES, _SPECIFICITIES = (0.99, 0.95, 0.9, 0.8), (0.7, 0.8, 0.9, 0.95)
#: Steps of a ROC curve that can be told apart in a chart.
_ROC_STEPS = 400
_BINS = 24


def classification_part(
    tables: Mapping[str, pd.DataFrame], options: ReportOptions
) -> tuple[dict[str, Any], list[Issue]]:
    """All figures of classification, ready for JSON.

    Args:
        tables: by model, see :func:`.score_tables.score_table`.
        options: of the report.

    Returns:
        The figures, and what is wrong: an area below 0.5, several images of a patient.
    """
    columns = list(dict.fromkeys(options.subgroups))
    jobs: list[tuple[dict[str, Any], pd.DataFrame]] = []
    statements: list[str] = []
    for model, table in tables.items():
        done, told = cap_groups(table[table["status"] == OK], columns)
        statements += [line for line in told if line not in statements]
        for site, column, group, images in cohorts(done, known_columns(done, columns), options.age_bands):
            who = {"run": model, "dataset": site, "subgroup": column, "group": group}
            jobs.append((who, images[list(_NEEDED)]))
    found = _all_figures(jobs, options)
    edges = _histogram_edges(tables)
    part: dict[str, Any] = {
        "positive": options.label,
        "outcomes": [row for model, table in tables.items() for row in _outcomes(model, table)],
        "summary": [row for rows, _ in found for row in rows],
        "targets": [],
        "roc": [],
        "calibration": [],
        "decision": [],
        "histogram": {"edges": edges.tolist(), "counts": []},
        "thresholds": [],
        "operating_points": [],
        "errors": [],
        "statements": statements,
    }
    issues: list[Issue] = []
    for (who, images), (rows, band) in zip(jobs, found, strict=True):
        if who["subgroup"]:
            continue
        mark = {"run": who["run"], "dataset": who["dataset"]}
        area = next(row for row in rows if row["metric"] == "auc")
        if area["estimate"] is not None and area["estimate"] < 0.5:
            line = (
                f"AUC {area['estimate']:.3f} is below 0.5: is the class index turned round? See the histogram of scores"
            )
            issues.append(Issue(WARNING, "AUC below 0.5", f"{who['run']}, {who['dataset']}", line, (), 1))
        everywhere = tables[who["run"]]
        everywhere = everywhere[everywhere["status"] == OK]
        for name, values in _curves(images, band, edges, options, everywhere).items():
            kept = part["histogram"]["counts"] if name == "histogram" else part[name]
            kept += [mark | row for row in values]
    part["errors"] = [row for model, table in tables.items() for row in _errors(model, table, options.cases)]
    part["shortcut"] = [
        {"run": model, **row}
        for model, table in tables.items()
        for row in records(site_shortcut(table[table["status"] == OK]))
    ]
    part["heterogeneity"] = _heterogeneity(part["summary"])
    part["paired"] = records(paired_runs(tables))
    return part, issues + _several_images(tables)


def _all_figures(
    jobs: Sequence[tuple[dict[str, Any], pd.DataFrame]], options: ReportOptions
) -> list[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Figures of each cohort, the largest ones first so that no process waits for one at the end."""
    work = partial(_figures, prevalences=options.prevalences, repeats=options.repeats, seed=options.seed)
    if options.processes == 1 or len(jobs) < 2:
        return [work(job) for job in jobs]
    order = sorted(range(len(jobs)), key=lambda place: -len(jobs[place][1]))
    with ProcessPoolExecutor(options.processes) as pool:
        done = dict(zip(order, pool.map(work, [jobs[place] for place in order]), strict=True))
    return [done[place] for place in range(len(jobs))]


def _figures(
    job: tuple[dict[str, Any], pd.DataFrame], *, prevalences: Sequence[float], repeats: int, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    who, images = job
    rows, drawn = classification_figures(images, prevalences=prevalences, repeats=repeats, seed=seed)
    count = {"n": len(images), "positives": int(images["label"].sum())}
    figures = [{**who, **count, **row} for row in records(pd.DataFrame(rows))]
    return figures, {"low": drawn.band_low, "high": drawn.band_high}


def _curves(
    images: pd.DataFrame,
    band: Mapping[str, Any],
    edges: np.ndarray,
    options: ReportOptions,
    everywhere: pd.DataFrame,
) -> dict[str, list[dict[str, Any]]]:
    """What the charts and tables of a whole site show."""
    label, probability = images["label"].to_numpy(dtype=np.int64), images["probability"].to_numpy(dtype=np.float64)
    score = images["score"].to_numpy(dtype=np.float64)
    rates = decision_rates(**confusion(images))
    state, line = judge(rates["sensitivity"], rates["specificity"])
    parts: dict[str, list[dict[str, Any]]] = {
        "targets": [{"state": state, "line": line}],
        "calibration": records(calibration_curve(probability, label)),
        "decision": records(decision_curve(probability, label)),
        "histogram": [
            {"label": value, "counts": np.histogram(score[label == value], edges)[0].tolist()} for value in (0, 1)
        ],
    }
    if 0 < label.sum() < label.size:
        points = _thin(roc_points(score, label))
        roc = {"false_positive_rate": points[0].tolist(), "true_positive_rate": points[1].tolist()}
        # Where every repeat gives one curve (classes apart, a single patient) the band would feign certainty.
        known = bool((band["high"] > band["low"]).any())
        bounds = {name: band[name].round(5).tolist() if known else None for name in ("low", "high")}
        decided = {"sensitivity": rates["sensitivity"].estimate, "specificity": rates["specificity"].estimate}
        parts["roc"] = [{**roc, "grid": BAND_GRID.round(5).tolist(), **bounds, **decided}]
        parts["thresholds"] = _threshold_rows(probability, label, options.prevalences)
        points_of = operating_points(images, rule=options.rule, seed=options.seed, everywhere=everywhere)
        parts["operating_points"] = records(pd.DataFrame(points_of).astype(object))
    return parts


def _thin(points: pd.DataFrame) -> np.ndarray:
    """Corners of the curve that a chart can tell apart, shape [2, corners]."""
    corners = points[["false_positive_rate", "true_positive_rate"]].to_numpy().T
    places = np.unique((corners * _ROC_STEPS).round(), axis=1, return_index=True)[1]
    return np.asarray(corners[:, np.sort(np.append(places, corners.shape[1] - 1))].round(5))


def _threshold_rows(probability: np.ndarray, label: np.ndarray, prevalences: Sequence[float]) -> list[dict[str, Any]]:
    """Rates at the thresholds that people ask for, from the lowest threshold."""
    counts = threshold_counts(probability, label)
    sensitivity = counts["tp"].to_numpy() / max(int(label.sum()), 1)
    specificity = counts["tn"].to_numpy() / max(int((1 - label).sum()), 1)
    asked = [(int(np.flatnonzero(sensitivity >= rate)[0]), f"sensitivity ≥ {rate:.2f}") for rate in _SENSITIVITIES]
    reached = [(np.flatnonzero(specificity >= rate), rate) for rate in _SPECIFICITIES]
    asked += [(int(places[-1]), f"specificity ≥ {rate:.2f}") for places, rate in reached if places.size]
    names: dict[int, list[str]] = {}
    for place, name in sorted(asked, key=lambda pair: -pair[0]):
        names.setdefault(place, []).append(name)
    table = with_rates(counts.iloc[list(names)].reset_index(drop=True), prevalences)
    return [{"for": ";".join(asks), **row} for asks, row in zip(names.values(), records(table), strict=True)]


def _histogram_edges(tables: Mapping[str, pd.DataFrame]) -> np.ndarray:
    """Bins that all models and sites share; the outermost thousandth does not stretch them."""
    scores = np.concatenate([table["score"].dropna().to_numpy(dtype=np.float64) for table in tables.values()])
    low, high = np.quantile(scores, [0.001, 0.999])
    edges = np.linspace(low, high, _BINS + 1) if high > low else np.array([low - 0.5, low + 0.5])
    edges[0], edges[-1] = min(edges[0], scores.min()), max(edges[-1], scores.max())
    return edges


def _outcomes(model: str, table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for site, _, _, images in cohorts(table):
        done = images[images["status"] == OK]
        sexes = done["sex"].str.upper().value_counts() if "sex" in done else pd.Series(dtype=int)
        ages = pd.to_numeric(done["age"], errors="coerce").dropna()
        rows.append(
            {
                **{"run": model, "dataset": site, "images": len(images), "compared": len(done)},
                "positives": int(done["label"].sum()),
                "patients": len(set(patients(done))),
                **{"female": int(sexes.get("F", 0)), "male": int(sexes.get("M", 0))},
                "median_age": float(ages.median()) if len(ages) else None,
                "missing": int((images["status"] == MISSING).sum()),
                "no_truth": int((images["status"] == NO_TRUTH).sum()),
            }
        )
    return rows


def _errors(model: str, table: pd.DataFrame, count: int) -> list[dict[str, Any]]:
    """At each site the false positives and false negatives that the model was surest of."""
    done = table[table["status"] == OK]
    wrong = done[done["label"] != done["decision"]].copy()
    false_positive = (wrong["decision"] == 1).to_numpy(dtype=bool)
    wrong["error"] = np.where(false_positive, "false positive", "false negative")
    wrong["confidence"] = wrong["probability"].where(false_positive, 1 - wrong["probability"])
    wrong = wrong.sort_values(["confidence", "image"], ascending=[False, True])
    worst = wrong.groupby(["dataset", "error"], sort=True).head(count)
    shown = ["dataset", "error", "image", "sex", "age", "label", "score", "probability"]
    rows = worst.sort_values(["dataset", "error"], kind="stable")[shown].astype({"label": int})
    return [{"run": model, **row} for row in records(rows)]


def _heterogeneity(summary: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for model in dict.fromkeys(row["run"] for row in summary):
        areas = [
            _area(row)
            for row in summary
            if row["run"] == model and row["metric"] == "auc" and not row["subgroup"] and row["dataset"] != ALL_SITES
        ]
        found = heterogeneity(areas)
        if found is not None:
            rows.append({"run": model, **found._asdict()})
    return rows


def _area(row: Mapping[str, Any]) -> AreaUnderCurve:
    """The area of a row of the summary; DeLong's standard error follows from its interval on the logit scale."""
    if row["interval"] != DELONG:
        return AreaUnderCurve(np.nan, np.nan, np.nan, np.nan, str(row["interval"]))
    area, low, high = row["estimate"], row["low"], row["high"]
    reach = np.log(high / (1 - high)) - np.log(low / (1 - low))
    return AreaUnderCurve(area, low, high, float(reach / (2 * stats.norm.ppf(0.975)) * area * (1 - area)), DELONG)


def _several_images(tables: Mapping[str, pd.DataFrame]) -> list[Issue]:
    issues = []
    for model, table in tables.items():
        done = table[table["status"] == OK]
        more = len(done) - len(set(patients(done)))
        if more:
            line = "some patients have several images; Clopper-Pearson intervals take images for independent"
            issues.append(Issue(WARNING, "several images of a patient", model, line, (), more))
    return issues
