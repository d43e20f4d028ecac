"""The parts of the page on segmentation and on localisation."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ...metrics import SEGMENTATION_METRICS
from ..localization_figures import IMAGE_FIGURES
from ..localization_summary import ALL, WITH_BOXES
from ..summary import ALL_SITES
from .options import LOCALIZATION
from .pictures import Pictures
from .score_sections import forest_columns
from .shared_sections import run_columns, site_column, site_name
from .svg import Strip, series_class
from .tables import Column, Html, Row, count_column, figure, fold, p_value, table, text_column

_TABLE = ("dice", "iou", "hd95", "assd", "surface_dice")
_BOX_FIGURES = ("pointing", "evidence_share", "dice", "iou", "iobb", "regions")


def segmentation_section(part: Mapping[str, Any], pictures: Pictures) -> str:
    """All tables and charts of one kind of masks."""
    worst = "Truth tinted blue, prediction outlined in yellow."
    return "".join(
        [
            "".join(f"<p class=note>{html.escape(line)}</p>" for line in part["statements"]),
            _outcomes(part["outcomes"]),
            "<h3>Figures by site</h3>",
            _figures(part["summary"], "mean", "Mean over images with its bootstrap 95 % interval"),
            fold("Medians", _figures(part["summary"], "median", "Median over images with its bootstrap 95 % interval")),
            fold(
                "Pooled over all pixels", _figures(part["summary"], "pooled", "Pixels of all images counted together")
            ),
            "<h3>Dice by site and subgroup</h3>",
            _forest(part["subgroups"]),
            "<h3>How single images are spread</h3>",
            _spread(part["spread"]),
            _paired(part["paired"]),
            _cases(part["task"], part["cases"], pictures, ("dice", "iou", "hd95", "assd"), worst),
        ]
    )


def localization_section(part: Mapping[str, Any], pictures: Pictures) -> str:
    """All tables of localisation."""
    rows = part["outcomes"]
    columns = [
        *run_columns(rows),
        site_column(),
        *(
            count_column(label, key)
            for label, key in (
                ("images selected", "images"),
                ("compared", "compared"),
                ("with true boxes", "with_boxes"),
                ("true boxes", "boxes"),
                ("regions found", "regions"),
                ("patients", "patients"),
                ("without result", "missing"),
                ("not usable", "failed"),
                ("boxes not known", "no_truth"),
            )
        ),
    ]
    return "".join(
        [
            table("Images", columns, rows),
            "<h3>Figures by site</h3>",
            _box_figures(part["summary"]),
            _pointing_forest(part["summary"]),
            fold("Boxes found and average precision by overlap", _detection(part["detection"]), opened=True),
            _box_paired(part["paired"]),
            _cases(LOCALIZATION, part["cases"], pictures, ("dice", "iou"), "True boxes blue, found regions yellow."),
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
    units = {(row["run"], row["dataset"]): [] for row in summary}
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
        title = f"Mean Dice by site and subgroup{f': {run}' if len(runs) > 1 else ''}; the dashed line is the figure of all images"
        parts.append(table(title, forest_columns(strip, series_class(place), "Dice"), own))
    return "".join(parts)


def _spread(rows: Sequence[Row]) -> str:
    """Box plots in the rows of a table, one table a figure."""
    parts = []
    runs = list(dict.fromkeys(row["run"] for row in rows))
    for metric in dict.fromkeys(row["metric"] for row in rows):
        info = SEGMENTATION_METRICS[metric]
        for unit in dict.fromkeys(row["unit"] for row in rows if row["metric"] == metric):
            own = [row for row in rows if row["metric"] == metric and row["unit"] == unit]
            ends = (min(row["p5"] for row in own), max(row["p95"] for row in own))
            step = next(
                step
                for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1e9)
                if step * 3 >= ends[1] - ends[0]
            )
            low = int(ends[0] / step) * step
            ticks = [round(low + step * place, 4) for place in range(4) if low + step * (place - 1) < ends[1]]
            strip = Strip((low, max(ticks[-1], ends[1])), ticks)
            digits = _digits(metric)
            columns = [
                *run_columns(own),
                site_column(),
                count_column("images", "n"),
                *(
                    Column(label, lambda row, key=key: f"{row[key]:.{digits}f}", lambda row, key=key: row[key])
                    for label, key in (("minimum", "min"), ("median", "median"), ("maximum", "max"))
                ),
                Column(
                    Html(strip.axis()),
                    lambda row: Html(strip.box(row, series_class(runs.index(row["run"])))),
                    sortable=False,
                ),
            ]
            better = "higher" if info.higher_is_better else "lower"
            title = f"{info.label}{f' [{unit}]' if unit else ''} of single images ({better} is better): 5th to 95th percentile, quartiles, median"
            parts.append(table(title, columns, own))
    return fold(
        "Dice and IoU", "".join(part for part in parts if ">Dice" in part or ">IoU" in part), opened=True
    ) + fold("Distances", "".join(part for part in parts if ">Dice" not in part and ">IoU" not in part))


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
            lambda row: (
                f"{figure(row['mean_difference'], row['low'], row['high'], _digits(row['metric']) + 1)} {row['unit']}".strip()
            ),
            lambda row: row["mean_difference"],
        ),
        *_difference_columns(),
    ]
    return "<h3>Models compared</h3>" + table(
        f"Difference to {shown[0]['baseline']} on the same images", columns, shown
    )


def _difference_columns() -> list[Column]:
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


def _cases(task: str, rows: Sequence[Row], pictures: Pictures, metrics: Sequence[str], hint: str) -> str:
    if not rows:
        return ""
    labels = {name: SEGMENTATION_METRICS[name].label for name in metrics}
    tiles = []
    for row in rows:
        source = pictures.get((task, row["run"], row["image"]))
        if source is not None:
            figures = ", ".join(f"{labels[name]} {figure(row[name], digits=_digits(name))}" for name in metrics)
            tiles.append(
                f'<figure class="case two"><img src="{source}" alt="Radiograph {html.escape(row["image"])}, beside it truth and '
                f'prediction: {figures}" loading="lazy"><figcaption>{html.escape(site_name(row["dataset"]))}, {html.escape(row["run"])}: '
                f"{figures}<br><small>{html.escape(row['image'])}</small></figcaption></figure>"
            )
    columns = [
        *run_columns(rows),
        site_column(),
        text_column("image", "image"),
        *(
            Column(
                labels[name],
                lambda row, name=name: figure(row[name], digits=_digits(name)),
                lambda row, name=name: row[name],
            )
            for name in metrics
        ),
    ]
    listed = table("Worst images of each site", columns, rows)
    drawn = f'<p class=note>{hint}</p><div class="cases">{"".join(tiles)}</div>' if tiles else ""
    return f"<h3>Worst cases</h3>{drawn}{fold('List of these images', listed, opened=not tiles)}"


def _box_figures(summary: Sequence[Row]) -> str:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in summary:
        wanted = WITH_BOXES if IMAGE_FIGURES.get(row["metric"]) and IMAGE_FIGURES[row["metric"]].needs_boxes else ALL
        if row["metric"] in _BOX_FIGURES and row["images"] == wanted:
            wide = rows.setdefault((row["run"], row["dataset"]), {"run": row["run"], "dataset": row["dataset"], "n": 0})
            wide[row["metric"]] = row
            wide["n"] = max(wide["n"], row["n"])
    body = list(rows.values())

    def cell(metric: str) -> Column:
        def shown(row: Row) -> str:
            own = row.get(metric)
            return "not measured" if own is None else figure(own["mean"], own["mean_low"], own["mean_high"])

        return Column(IMAGE_FIGURES[metric].label, shown, lambda row: row[metric]["mean"] if metric in row else None)

    columns = [
        *run_columns(body),
        site_column(),
        count_column("images", "n"),
        *(cell(metric) for metric in _BOX_FIGURES),
    ]
    return table("Mean over images with its bootstrap 95 % interval", columns, body)


def _pointing_forest(summary: Sequence[Row]) -> str:
    parts = []
    for metric in ("pointing", "dice"):
        rows = [
            {
                **row,
                "subgroup": "",
                "group": "",
                "estimate": row["mean"],
                "low": row["mean_low"],
                "high": row["mean_high"],
            }
            for row in summary
            if row["metric"] == metric and row["images"] == WITH_BOXES
        ]
        if rows:
            label = IMAGE_FIGURES[metric].label
            strip = Strip((0.0, 1.0), (0.0, 0.5, 1.0))
            columns = forest_columns(strip, series_class(0), label)
            columns = [text_column("model", "run"), columns[0], *columns[2:]]
            parts.append(table(f"{label}, images with true boxes", columns, rows))
    return "".join(parts)


def _detection(detection: Sequence[Row]) -> str:
    parts = []
    for name, label in (("hit_rate", "Share of the true boxes found"), ("average_precision", "Average precision")):
        rows = [row for row in detection if row["figure"] == name]
        columns = [
            *run_columns(rows),
            site_column(),
            Column("IoU at least", lambda row: f"{row['iou']:g}", lambda row: row["iou"]),
            count_column("true boxes", "boxes"),
            Column(
                label.lower(), lambda row: figure(row["estimate"], row["low"], row["high"]), lambda row: row["estimate"]
            ),
        ]
        parts.append(table(label, columns, rows))
    return "".join(parts)


def _box_paired(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    columns = [
        text_column("model", "run"),
        site_column(),
        Column(
            "figure",
            lambda row: IMAGE_FIGURES[row["metric"]].label if row["metric"] in IMAGE_FIGURES else row["metric"],
            text=True,
        ),
        count_column("images", "n"),
        Column(
            "mean difference",
            lambda row: figure(row["mean_difference"], row["low"], row["high"]),
            lambda row: row["mean_difference"],
        ),
        *_difference_columns(),
    ]
    return "<h3>Models compared</h3>" + table(f"Difference to {rows[0]['baseline']} on the same images", columns, rows)
