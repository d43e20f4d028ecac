"""Parts of the page that every report has: verdict, models, matrix, data quality, methods."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ..operating_point import FAIL, PASS
from ..summary import ALL_SITES
from .options import CLASSIFICATION, LESIONS, LOCALIZATION
from .tables import Column, Html, Row, count_column, figure, fold, table, text_column

#: Images of a finding that the page lists; all of them are in report.json.
LISTED = 20

_TASKS = {
    CLASSIFICATION: "Classification",
    LOCALIZATION: "Localisation",
    LESIONS: "Lesion segmentation",
    "lungs": "Lung segmentation",
}
_STATES = {PASS: ("pass", "✓", "met"), FAIL: ("fail", "✕", "missed")}
_UNDECIDED = ("open", "?", "not shown")
_HOME = ' <span title="trained there" role="img" aria-label="trained there">⌂</span>'


def task_name(task: str) -> str:
    """What a task is called."""
    return _TASKS.get(task, f"Segmentation of {task}")


def site_name(site: str) -> str:
    """What a site is called."""
    return "all sites" if site == ALL_SITES else site


def site_column(label: str = "site") -> Column:
    """The site of a row."""
    # Names are long where a phone is narrow: let them break where their words end.
    return Column(label, lambda row: Html(html.escape(site_name(row["dataset"])).replace("_", "_<wbr>")), text=True)


def run_columns(rows: Sequence[Row]) -> list[Column]:
    """The model of a row, where there are several."""
    return [text_column("model", "run")] if len({row["run"] for row in rows}) > 1 else []


def badge(state: str, text: str = "") -> Html:
    """A state as colour, sign and word."""
    kind, sign, word = _STATES.get(state, _UNDECIDED)
    return Html(f'<span class="badge {kind}"><span aria-hidden="true">{sign}</span> {html.escape(text or word)}</span>')


def verdict_section(record: Mapping[str, Any]) -> str:
    """What was tested on whom, and whether it meets what was asked of it."""
    parts = [f"<p class=lead>{_headline(record)}</p>"]
    cards = []
    verdict = record["verdict"]
    for task, run in dict.fromkeys((row["task"], row["run"]) for row in verdict):
        rows = [row for row in verdict if (row["task"], row["run"]) == (task, run)]
        cards.append(_card(task, run, rows, record))
    parts.append(f'<div class="cards">{"".join(cards)}</div>')
    parts.append(
        f"<p class=note>{badge(PASS)} the whole 95 % interval reaches the target · {badge(FAIL)} none of it does · "
        f"{badge('')} the data leave it open. ⌂ marks sites that the model was trained at; their figures say "
        "little about other hospitals.</p>"
    )
    return "".join(parts)


def _headline(record: Mapping[str, Any]) -> str:
    sentences = []
    for task in record["tasks"]:
        rows = [row for row in record["verdict"] if row["task"] == task]
        sites = list(dict.fromkeys(row["dataset"] for row in rows if row["dataset"] != ALL_SITES))
        models = list(dict.fromkeys(row["run"] for row in rows))
        images = max(
            sum(row["n"] for row in rows if row["run"] == model and row["dataset"] != ALL_SITES) for model in models
        )
        text = f"<strong>{html.escape(task_name(task))}</strong>: {_count(len(models), 'model')}, "
        text += f"{_count(images, 'radiograph')} of {_count(len(sites), 'site')} ({html.escape(', '.join(sites))})."
        single = [row for row in rows if row["dataset"] != ALL_SITES]
        for target in dict.fromkeys(check["target"] for row in single for check in row["checks"]):
            states = [check["state"] for row in single for check in row["checks"] if check["target"] == target]
            met, missed = states.count(PASS), states.count(FAIL)
            rest = len(states) - met - missed
            text += f" {html.escape(target[0].upper() + target[1:])}: met {met} of {_count(len(states), 'time')}"
            text += f", missed {missed}" * bool(missed) + f", left open {rest}" * bool(rest) + "."
        sentences.append(text)
    kinds: dict[str, list[str]] = {"error": [], "warning": []}
    for found in record["quality"]:
        kinds.setdefault(found["severity"], []).append(found["kind"])
    errors, warnings = kinds["error"], kinds["warning"]
    if errors:
        sentences.append(
            f'<strong>Data</strong>: <a href="#quality">{_count(len(errors), "error")} found</a>; images are missing '
            "from the figures, or figures may be wrong."
        )
    if warnings:
        told = html.escape(", ".join(dict.fromkeys(warnings)))
        sentences.append(f'<strong>Data</strong>: <a href="#quality">{_count(len(warnings), "warning")}</a> ({told}).')
    return "<br>".join(sentences)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _card(task: str, run: str, rows: Sequence[Row], record: Mapping[str, Any]) -> str:
    about = next((model for model in record["models"] if model["name"] == run), None)
    trained = ", ".join(about["train_sites"]) if about and about["train_sites"] else "not stated"
    items = "".join(_card_row(row) for row in rows)
    lines = "".join(
        f"<li>{html.escape(site_name(row['dataset']))}: {html.escape(check['line'])}</li>"
        for row in rows
        for check in row["checks"]
    )
    return (
        f'<section class="card"><h3>{html.escape(run)}</h3><p>{html.escape(task_name(task))}; trained at: '
        f'{html.escape(trained)}</p><ul class="sites">{items}</ul>'
        f"{fold('Why', f'<ul>{lines}</ul>') if lines else ''}</section>"
    )


def _card_row(row: Row) -> str:
    checks = " ".join(badge(check["state"], _short(check)) for check in row["checks"]) or "no target stated"
    word = "with boxes" if row["task"] == LESIONS else "positive"
    positives = "" if row["positives"] is None else f", {row['positives']:,} {word}"
    return (
        f"<li><strong>{html.escape(site_name(row['dataset']))}</strong>{_HOME if row['home'] else ''} "
        f"<small>{_count(row['n'], 'image')}{positives}</small><br>{html.escape(row['figure'])} "
        f"{figure(row['estimate'], row['low'], row['high'])}<br>{checks}</li>"
    )


def _short(check: Row) -> str:
    _, _, word = _STATES.get(check["state"], _UNDECIDED)
    name = check["target"].split(" (")[0].replace("at least", "≥").replace("at most", "≤")
    return f"{name}: {word}"


def matrix_section(record: Mapping[str, Any]) -> str:
    """Training sites down, test sites across."""
    parts = []
    for task in record["tasks"]:
        rows = [row for row in record["matrix"] if row["task"] == task]
        if not rows:
            continue
        sites = list(dict.fromkeys(row["dataset"] for row in rows))
        cells = {(row["run"], row["dataset"]): row for row in rows}
        values = [row["estimate"] for row in rows if row["estimate"] is not None]
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        body = ""
        for run in dict.fromkeys(row["run"] for row in rows):
            trained = next(row["train_sites"] for row in rows if row["run"] == run)
            head = " + ".join(trained) if trained else "not stated"
            body += f'<tr><th scope="row" class=text>{html.escape(head)}<br><small>{html.escape(run)}</small></th>'
            body += "".join(_matrix_cell(cells.get((run, site)), low, high) for site in sites) + "</tr>"
        head = "".join(f"<th scope=col>{html.escape(site)}</th>" for site in sites)
        caption = f"{task_name(task)}: {rows[0]['figure']} with 95 % interval (images) by training and test site"
        parts.append(
            f'<div class="wide" role="region" tabindex="0" aria-label="{html.escape(caption)}"><table class="matrix">'
            f"<caption><span>{html.escape(caption)}</span></caption><thead><tr><th scope=col class=text>trained "
            f"at</th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )
    return (
        "".join(parts)
        + "<p class=note>⌂ tested where it was trained. The stronger the colour, the higher the figure.</p>"
    )


def _matrix_cell(row: Row | None, low: float, high: float) -> str:
    if row is None:
        return "<td>not tested</td>"
    if row["estimate"] is None:
        return f"<td>not defined ({row['n']:,})</td>"
    shade = 5 + 30 * (row["estimate"] - low) / (high - low) if high > low else 15
    bounds = "" if row["low"] is None else f"<br><small>{row['low']:.3f} to {row['high']:.3f} ({row['n']:,})</small>"
    home = _HOME if row["home"] else ""
    return f'<td style="--shade:{shade:.0f}%"><strong>{row["estimate"]:.3f}</strong>{home}{bounds}</td>'


def models_section(record: Mapping[str, Any]) -> str:
    """What was tested."""
    columns = [
        text_column("model", "name"),
        Column(
            "bundle", lambda row: " ".join(filter(None, (row["bundle"], row["version"]))) or "not stated", text=True
        ),
        Column("weights (SHA-256)", lambda row: (row["weights_sha256"] or "not stated")[:16], text=True),
        Column("trained at", lambda row: ", ".join(row["train_sites"]) or "not stated", text=True),
        Column("tasks", lambda row: ", ".join(row["tasks"]), text=True),
    ]
    return table("Models", columns, record["models"])


def quality_section(record: Mapping[str, Any]) -> str:
    """Findings about the data: counted, and listed."""
    rows = record["quality"]
    if not rows:
        return "<p>Nothing was found: each image has one truth and one usable prediction, and is fully described.</p>"
    columns = [
        Column(
            "severity", lambda row: Html(f'<span class="badge {row["severity"]}">{row["severity"]}</span>'), text=True
        ),
        text_column("finding", "kind"),
        text_column("where", "where"),
        count_column("count", "count"),
        text_column("what became of it", "message"),
    ]
    lists = "".join(
        fold(f"{row['kind']} ({row['where']}): {len(row['images']):,}", _image_list(row["images"]))
        for row in rows
        if row["images"]
    )
    return table("Findings about the data", columns, rows) + lists


def _image_list(images: Sequence[str]) -> str:
    shown = "".join(f"<li>{html.escape(image)}</li>" for image in images[:LISTED])
    more = f"<p>… and {len(images) - LISTED:,} more, in report.json.</p>" if len(images) > LISTED else ""
    return f"<ul>{shown}</ul>{more}"


def methods_section(record: Mapping[str, Any]) -> str:
    """Text for a paper."""
    text = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in record["methods"])
    listed = "".join(f"<li>{html.escape(reference)}</li>" for reference in record["references"])
    works = f"<h3>References</h3><ol>{listed}</ol>" if listed else ""
    about = [
        f"index.csv: SHA-256 {record['settings']['index_sha256']}",
        *(f"{model['name']}: weights {model['weights_sha256'] or 'not stated'}" for model in record["models"]),
    ]
    return (
        f"{text}{works}<h3>Input</h3><ul>{''.join(f'<li class=hash>{html.escape(line)}</li>' for line in about)}</ul>"
    )


def case_tile(source: str, description: str, caption: str, image: str) -> str:
    """A picture of a case with its figures.

    Args:
        source: data URI.
        description: for those who do not see it.
        caption: below it.
        image: path of the radiograph.
    """
    return (
        f'<figure class="case"><img src="{source}" alt="{html.escape(description)}">'
        f"<figcaption>{html.escape(caption)}<br><small>{html.escape(image)}</small></figcaption></figure>"
    )
