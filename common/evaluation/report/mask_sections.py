"""The part of the page on segmentation."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ...metrics import SEGMENTATION_METRICS
from ..heterogeneity import FEWEST_PATIENTS
from ..summary import ALL_SITES
from .figure_tables import Measure
from .pictures import Pictures
from .score_sections import forest_columns
from .shared_sections import case_tile, run_columns, site_column, site_name
from .svg import Strip, series_class
from .tables import Column, Html, Row, count_column, figure, fold, p_value, table, text_column

#: Distances of marks on an axis.
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000)
_TABLE = ("dice", "iou", "hd95", "assd", "surface_dice")
_WORST = {
    name: Measure(SEGMENTATION_METRICS[name].label, 2 if SEGMENTATION_METRICS[name].is_distance else 3)
    for name in ("dice", "iou", "hd95", "assd")
}


def segmentation_section(part: Mapping[str, Any], pictures: Pictures) -> str:
    """All tables and charts of one kind of masks."""
    worst = "Truth tinted blue, prediction outlined in yellow."
    return "".join(
        [
            "".join(f"<p class=note>{html.escape(line)}</p>" for line in part["statements"]),
            _outcomes(part["outcomes"]),
            "<h3>Figures by site</h3>",
            _figures(part["summary"], "mean", "Mean over images with its 95 % interval"),
            fold("Medians", _figures(part["summary"], "median", "Median over images with its 95 % interval")),
            fold(
                "Pooled over all pixels", _figures(part["summary"], "pooled", "Pixels of all images counted together")
            ),
            "<h3>Dice by site and subgroup</h3>",
            _forest(part["subgroups"]),
            _heterogeneity(part["heterogeneity"]),
            "<h3>How single images are spread</h3>",
            _spread(part["spread"]),
            _paired(part["paired"]),
            worst_cases(part["task"], part["cases"], pictures, _WORST, worst),
        ]
    )


def _outcomes(rows: Sequence[Row]) -> str:
    keys = (
        ("images selected", "images"),
        ("compared", "compared"),
        ("patients", "patients"),
        ("without prediction", "missing"),
        ("not usable", "failed"),
        ("without truth", "no_truth"),
        ("truth empty", "empty_truth"),
        ("prediction empty", "empty_prediction"),
    )
    return table(
        "Images", [*run_columns(rows), site_column(), *(count_column(label, key) for label, key in keys)], rows
    )


def _digits(metric: str) -> int:
    return 2 if SEGMENTATION_METRICS[metric].is_distance else 3


def _figures(summary: Sequence[Row], statistic: str, caption: str) -> str:
    """One row a model, site and unit of length."""
    metrics = [name for name in _TABLE if any(row["metric"] == name and row[statistic] is not None for row in summary)]
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    units: dict[tuple[str, str], list[str]] = {(row["run"], row["dataset"]): [] for row in summary}
    for row in summary:
        if SEGMENTATION_METRICS[row["metric"]].uses_length and row["unit"] not in units[row["run"], row["dataset"]]:
            units[row["run"], row["dataset"]].append(row["unit"])
    for row in summary:
        if row["metric"] in metrics:
            for unit in [row["unit"]] if row["unit"] else units[row["run"], row["dataset"]] or [""]:
                key = (row["run"], row["dataset"], unit)
                wide = rows.setdefault(key, {"run": row["run"], "dataset": row["dataset"], "unit": unit, "n": row["n"]})
                wide[row["metric"]] = row

    def cell(metric: str) -> Column:
        def shown(row: Row) -> str:
            own = row.get(metric)
            if own is None:
                return ""
            return figure(own[statistic], own[f"{statistic}_low"], own[f"{statistic}_high"], _digits(metric))

        return Column(
            SEGMENTATION_METRICS[metric].label, shown, lambda row: row[metric][statistic] if metric in row else None
        )

    body = list(rows.values())
    lengths = any(SEGMENTATION_METRICS[metric].uses_length for metric in metrics)
    columns = [*run_columns(body), site_column(), count_column("images", "n"), *(cell(metric) for metric in metrics)]
    columns += [text_column("distances in", "unit")] if lengths else []
    return table(caption, columns, body)


def _heterogeneity(rows: Sequence[Row]) -> str:
    columns = [
        text_column("model", "run"),
        count_column("sites compared", "sites"),
        count_column("patients", "patients"),
        Column("H (Kruskal-Wallis)", lambda row: f"{row['h']:.2f}", lambda row: row["h"]),
        Column("p", lambda row: p_value(row["p"]), lambda row: row["p"]),
        Column("share of the spread of ranks, ε²", lambda row: f"{row['epsilon_squared']:.2f}"),
    ]
    if not rows:
        return "<p class=note>Spread between sites: fewer than two sites with enough patients.</p>"
    return table(f"Spread of Dice between sites (sites with {FEWEST_PATIENTS} patients or more)", columns, rows)


def _forest(rows: Sequence[Row]) -> str:
    runs = list(dict.fromkeys(row["run"] for row in rows))
    bounds = [row["low"] for row in rows if row["low"] is not None and row["n"] >= 10]
    low = min(0.9, int(min(bounds, default=0) * 20) / 20)
    ticks = [round(low + step * (1 - low) / 2, 3) for step in range(3)]
    parts = []
    for place, run in enumerate(runs):
        own = [row for row in rows if row["run"] == run]
        reference = next(
            (row["estimate"] for row in own if row["dataset"] == ALL_SITES and not row["subgroup"]), own[0]["estimate"]
        )
        strip = Strip((low, 1.0), ticks, reference)
        title = f"Mean Dice by site and subgroup{f': {run}' if len(runs) > 1 else ''}"
        parts.append(
            table(
                f"{title}; the dashed line is the figure of all images",
                forest_columns(strip, series_class(place), "Dice"),
                own,
            )
        )
    return "".join(parts)


def _spread(rows: Sequence[Row]) -> str:
    """Box plots in the rows of a table, one table a figure and unit."""
    overlap, distances = "", ""
    for metric, unit in dict.fromkeys((row["metric"], row["unit"]) for row in rows):
        drawn = _box_plots(metric, unit, [row for row in rows if (row["metric"], row["unit"]) == (metric, unit)])
        if SEGMENTATION_METRICS[metric].is_distance:
            distances += drawn
        else:
            overlap += drawn
    return fold("Dice and IoU", overlap, opened=True) + fold("Distances", distances)


def _box_plots(metric: str, unit: str, rows: Sequence[Row]) -> str:
    info, digits = SEGMENTATION_METRICS[metric], _digits(metric)
    runs = list(dict.fromkeys(row["run"] for row in rows))
    first, last = min(row["p5"] for row in rows), max(row["p95"] for row in rows)
    step = next(step for step in _STEPS if step * 3 >= last - first)
    low = int(first / step) * step
    ticks = [round(low + step * place, 4) for place in range(5) if low + step * (place - 1) < last]
    strip = Strip((low, ticks[-1]), ticks)

    def value(label: str, key: str) -> Column:
        return Column(label, lambda row: f"{row[key]:.{digits}f}", lambda row: row[key])

    columns = [
        *run_columns(rows),
        site_column(),
        Column(
            Html(strip.axis()), lambda row: Html(strip.box(row, series_class(runs.index(row["run"])))), sortable=False
        ),
        *(value(label, key) for label, key in (("minimum", "min"), ("median", "median"), ("maximum", "max"))),
        count_column("images", "n"),
    ]
    name = f"{info.label}{f' [{unit}]' if unit else ''}, {'higher' if info.higher_is_better else 'lower'} is better"
    return table(f"{name}: 5th to 95th percentile, quartiles and median of single images", columns, rows)


def _paired(rows: Sequence[Row]) -> str:
    shown = [row for row in rows if row["metric"] in _TABLE]
    if not shown:
        return ""
    columns = [
        text_column("model", "run"),
        site_column(),
        Column("figure", lambda row: SEGMENTATION_METRICS[row["metric"]].label, text=True),
        count_column("images", "n"),
        Column(
            "mean difference",
            lambda row: f"{_difference(row)} {row['unit']}".strip(),
            lambda row: row["mean_difference"],
        ),
        *difference_columns(),
    ]
    return "<h3>Models compared</h3>" + table(
        f"Difference to {shown[0]['baseline']} on the same images", columns, shown
    )


def _difference(row: Row) -> str:
    return figure(row["mean_difference"], row["low"], row["high"], _digits(row["metric"]) + 1)


def difference_columns() -> list[Column]:
    """Columns of a paired comparison."""
    return [
        Column(
            "better / equal / worse",
            lambda row: f"{row['better']} / {row['equal']} / {row['worse']}",
            lambda row: row["better"],
        ),
        Column(
            "effect (rank-biserial)",
            lambda row: "" if row.get("effect") is None else f"{row['effect']:.2f}",
            lambda row: row.get("effect"),
        ),
        Column("p (Wilcoxon)", lambda row: p_value(row["p_wilcoxon"]), lambda row: row["p_wilcoxon"]),
        Column("p adjusted", lambda row: p_value(row["p_adjusted"]), lambda row: row["p_adjusted"]),
    ]


def worst_cases(
    task: str,
    rows: Sequence[Row],
    pictures: Pictures,
    measures: Mapping[str, Measure],
    hint: str,
    heading: str = "Worst cases",
) -> str:
    """Pictures and list of the worst images.

    Args:
        task: what was evaluated.
        rows: the images, with ``run``, ``dataset``, ``image`` and the figures.
        pictures: of the page.
        measures: figures to be shown, by name.
        hint: how to read the pictures.
        heading: above them.
    """
    if not rows:
        return ""
    tiles = []
    for row in rows:
        source = pictures.get((task, row["run"], row["image"]))
        if source is not None:
            figures = ", ".join(
                f"{measure.label} {figure(row[name], digits=measure.digits)}" for name, measure in measures.items()
            )
            tiles.append(
                case_tile(
                    source,
                    f"Radiograph {row['image']}, beside it truth and prediction: {figures}",
                    f"{site_name(row['dataset'])}, {row['run']}: {figures}",
                    row["image"],
                )
            )

    def value(name: str, measure: Measure) -> Column:
        return Column(measure.label, lambda row: figure(row[name], digits=measure.digits), lambda row: row[name])

    columns = [*run_columns(rows), site_column(), text_column("image", "image")]
    listed = table(heading, [*columns, *(value(name, measure) for name, measure in measures.items())], rows)
    drawn = f'<p class=note>{hint}</p><div class="cases">{"".join(tiles)}</div>' if tiles else ""
    return f"<h3>{html.escape(heading)}</h3>{drawn}{fold('List of these images', listed, opened=not tiles)}"
