"""The evaluation of a classifier as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .masks import OK
from .operating_point import WHO_TRIAGE
from .ranking_errors import half_of
from .tables import format_p, markdown_table

if TYPE_CHECKING:
    from .classification_result import ClassificationEvaluation

_RANKING = {"auc": "AUC", "average_precision": "average precision", "brier": "Brier score", "ece": "calibration error"}
_DECISION = {"sensitivity": "sensitivity", "specificity": "specificity", "ppv": "PPV", "npv": "NPV"}
_SUBGROUP = {"auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity"}
_CLASSES = {0: "negative", 1: "positive"}


def figure_text(estimate: float, low: float = np.nan, high: float = np.nan, digits: int = 3) -> str:
    """An estimate with its interval in brackets; "not defined" for NaN."""
    if np.isnan(estimate):
        return "not defined"
    text = f"{estimate:.{digits}f}"
    return text if np.isnan(low) else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


def classification_markdown(found: ClassificationEvaluation) -> str:
    """All tables of an evaluation that people read; the rest is in the CSV files."""
    whole = found.summary[found.summary["subgroup"] == ""]
    positive = str(found.settings["label"])
    several = len(found.runs) > 1
    parts = [f"Ranking and calibration ({positive} against not), with 95 % intervals\n"]
    parts.append(_figures(whole, _RANKING, by_chance=True))
    parts.append(
        "AUC: DeLong's interval on the logit scale; † Newcombe's, where a class has fewer than 30 patients or nearly "
        "all pairs are ranked rightly. Average precision: bootstrap of patients. Brier score: Student's t. Calibration "
        "error: ten bins of equally many images; it is above zero by chance too, and in brackets stands the range "
        "(95 %) that true probabilities would show on as many images.\n"
    )
    parts += ["Decisions as saved, with Clopper-Pearson 95 % intervals\n", _figures(whole, _DECISION)]
    parts += [f"{WHO_TRIAGE}\n", _targets(found.targets, several)]
    parts += _costliest(found, several)
    if found.settings["prevalences"]:
        parts.append("Predictive values where another share of people is positive\n")
        parts.append(_predictive_values(whole, found.settings["prevalences"]))
    if several:
        parts += ["Spread over runs: mean ± standard deviation (smallest to largest)\n", _spread(found.spread)]
        parts += [
            f"AUC minus that of {found.runs[0]} on the same images, DeLong's paired test; the last column controls the "
            "false discovery rate over this table (Benjamini and Hochberg)\n",
            _paired(found.paired),
        ]
    parts += [line for run in found.runs if (line := _heterogeneity(found, run, several))]
    if len(found.shortcut):
        parts += [
            "Is the score a sign of the site? AUC of the score for one site against another among images of one class; "
            "0.5 is none\n",
            _shortcut(found.shortcut, several),
        ]
    subgroups = found.summary[found.summary["subgroup"] != ""]
    if len(subgroups):
        parts += ["Subgroups\n", _figures(subgroups, _SUBGROUP)]
    parts += _left_out(found)
    parts += [f"Warning: {line}.\n" for line in found.warnings]
    return "\n".join(parts)


def _figures(rows: pd.DataFrame, metrics: dict[str, str], *, by_chance: bool = False) -> str:
    """One line a run, site and subgroup."""
    keys = ["run", "dataset", "subgroup", "group"]
    grouped = rows["subgroup"].iloc[0] != ""
    shown = [name for name in keys if rows[name].nunique() > 1 or name == "dataset" or (grouped and name != "run")]
    names = {"run": "run", "dataset": "site", "subgroup": "by", "group": "group"}
    body = []
    for key, group in rows.groupby(keys, sort=False):
        figures = group.set_index("metric")
        cells = [cell for name, cell in zip(keys, key, strict=True) if name in shown]
        first = group.iloc[0]
        cells += [str(first["n"]), str(first["positives"])]
        for metric in metrics:
            row = figures.loc[metric]
            text = figure_text(row["estimate"], row["low"], row["high"])
            if metric == "auc" and row["interval"] == "Newcombe":
                text += " †"
            if metric == "ece" and by_chance:
                chance = figures.loc["ece_by_chance"]
                text += f" (by chance {chance['low']:.3f} to {chance['high']:.3f})"
            cells.append(text)
        body.append(cells)
    header = [*(names[name] for name in shown), "images", "positive", *metrics.values()]
    return markdown_table(header, body, text_columns=len(shown))


def _targets(targets: pd.DataFrame, several: bool) -> str:
    return "".join(f"- {f'{row.run}, ' if several else ''}{row.dataset}: {row.line}\n" for row in targets.itertuples())


def _costliest(found: ClassificationEvaluation, several: bool) -> list[str]:
    """How few images make up half of what each run's AUC lacks."""
    lines = []
    done = found.per_image[found.per_image["status"] == OK]
    for run, rows in found.ranking_errors().groupby("run", sort=False):
        sides = []
        for label, name in ((1, "positive"), (0, "negative")):
            of_class = rows[rows["label"] == label]
            images = int(((done["run"] == run) & (done["label"] == label)).sum())
            sides.append(f"{half_of(of_class['lost'])} of the {images} {name} images")
        lacks = rows.loc[rows["label"] == 1, "lost"].sum()
        lines.append(
            f"{f'{run}: what' if several else 'What'} the AUC of all images together lacks of 1 is {lacks:.3f}; half "
            f"of it falls on {sides[0]}, or on {sides[1]} (ranking_errors.csv)\n"
        )
    return lines


def _predictive_values(whole: pd.DataFrame, prevalences: Sequence[float]) -> str:
    metrics = {
        f"{name}_at_{share:g}": f"{name.upper()} at {100 * share:g} %"
        for share in prevalences
        for name in ("ppv", "npv")
    }
    return _figures(whole, metrics)


def _spread(spread: pd.DataFrame) -> str:
    metrics = _RANKING | _DECISION
    body = []
    for dataset, group in spread.groupby("dataset", sort=False):
        figures = group.set_index("metric")
        cells = [
            f"{row['mean']:.3f} ± {row['std']:.3f} ({row['min']:.3f} to {row['max']:.3f})"
            if (row := figures.loc[metric])["runs"] > 1
            else figure_text(row["mean"])
            for metric in metrics
        ]
        body.append([str(dataset), str(figures["runs"].max()), *cells])
    return markdown_table(["site", "runs", *metrics.values()], body)


def _paired(paired: pd.DataFrame) -> str:
    body = [
        [
            row.run,
            row.dataset,
            str(row.n),
            figure_text(row.difference, row.low, row.high),
            format_p(row.p),
            format_p(row.p_adjusted),
        ]
        for row in paired.itertuples()
    ]
    return markdown_table(["run", "site", "images", "difference", "p", "p adjusted"], body, text_columns=2)


def _heterogeneity(found: ClassificationEvaluation, run: str, several: bool) -> str:
    spread = found.heterogeneity[run]
    if spread is None:
        return ""
    return (
        f"{f'{run}: ' if several else ''}Spread of the AUC between {spread.sites} sites: Cochran's Q {spread.q:.2f}, "
        f"p {format_p(spread.p)}, I² {100 * spread.i_squared:.0f} %.\n"
    )


def _shortcut(shortcut: pd.DataFrame, several: bool) -> str:
    body = []
    for row in shortcut.to_dict("records"):
        cells = [row["run"]] if several else []
        cells += [_CLASSES[row["class"]], f"{row['other_site']} above {row['site']}", f"{row['n_other']} / {row['n']}"]
        verdict = "yes" if row["tells_apart"] else "not shown"
        body.append([*cells, figure_text(row["auc"], row["low"], row["high"]), verdict])
    header = [*(["run"] if several else []), "class", "sites", "images", "AUC", "tells the sites apart"]
    return markdown_table(header, body, text_columns=3 if several else 2)


def _left_out(found: ClassificationEvaluation) -> list[str]:
    rows = found.outcomes[(found.outcomes["missing"] > 0) | (found.outcomes["no_truth"] > 0)]
    parts = []
    if len(rows):
        body = [[row.run, row.dataset, str(row.missing), str(row.no_truth)] for row in rows.itertuples()]
        header = ["run", "site", "without prediction", "without truth"]
        parts += ["Images that are not in the figures\n", markdown_table(header, body, text_columns=2)]
    for run, images in found.unknown.items():
        if images:
            parts.append(f"{run}: {len(images)} predictions are of images that the index does not have.\n")
    return parts
