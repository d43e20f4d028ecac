"""What a person wants to see of a data folder before training on it."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from . import charts
from .index import read_index
from .montage import LEGEND, draw_montage
from .patients import patient_keys
from .scan import ImageFacts, scan

_CHARTS = (
    ("counts.png", "Images by site"),
    ("ages.png", "Age and sex"),
    ("sizes.png", "Image sizes"),
    ("grey_levels.png", "Grey levels"),
    ("mask_areas.png", "Lung masks"),
)
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1500px;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{padding:.25em .8em;border-bottom:1px solid #ccc;text-align:right}"
    "td:first-child,th:first-child{text-align:left}img{max-width:100%}"
)


@dataclass(frozen=True)
class Description:
    """What :func:`describe_folder` wrote.

    Attributes:
        page: the HTML page with everything on it.
        summary: one row a site.
        unreadable: images that could not be read, with the reason.
    """

    page: Path
    summary: pd.DataFrame
    unreadable: dict[str, str]


def describe_folder(
    dataset_dir: str | Path,
    output_dir: str | Path,
    *,
    processes: int = 1,
    montage: int = 12,
    progress: bool = True,
) -> Description:
    """Write charts, montages, tables and one page that shows them.

    ``output_dir`` gets ``index.html``, ``summary.csv`` (one row a site), ``images.csv`` (one row an image), the charts
    and a ``montage_SITE.png`` a site.

    Args:
        dataset_dir: folder with ``index.csv``.
        output_dir: folder to write to.
        processes: worker processes that read the files.
        montage: pictures a site in the montage; 0 for none.
        progress: whether to draw a progress bar.

    Raises:
        DataIndexError: no usable index.
    """
    root, output = Path(dataset_dir), Path(output_dir)
    table = read_index(root)
    facts = scan(root, table, processes=processes, progress=progress)
    images = image_table(table, facts)
    summary = site_summary(images)
    output.mkdir(parents=True, exist_ok=True)
    images.to_csv(output / "images.csv", index=False)
    summary.to_csv(output / "summary.csv", index=False)
    charts.draw_counts(images, output / "counts.png")
    charts.draw_ages(images, output / "ages.png")
    charts.draw_sizes(images, output / "sizes.png")
    charts.draw_grey_levels(images, np.stack([item.histogram for item in facts]), output / "grey_levels.png")
    charts.draw_mask_areas(images, output / "mask_areas.png")
    sheets = []
    for number, (site, rows) in enumerate(table.groupby("dataset")):
        # Numbered rather than named after the site, whose name may not make a file name.
        name = f"montage_{number}.png"
        if montage and draw_montage(root, rows, output / name, count=montage):
            sheets.append((name, str(site)))
    unreadable = {row.image: row.error for row in images.itertuples() if row.error}
    page = output / "index.html"
    page.write_text(_page(summary, sheets, unreadable), encoding="utf-8")
    return Description(page=page, summary=summary, unreadable=unreadable)


def image_table(table: pd.DataFrame, facts: Sequence[ImageFacts]) -> pd.DataFrame:
    """One row an image.

    Returns:
        Columns ``dataset``, ``image``, ``patient``, ``label`` (TB, no TB, abnormal, normal or unknown), ``sex``,
        ``age`` (years), ``width``, ``height``, ``low`` and ``high`` (grey values), ``lung_masks`` (bool), ``lung_area``
        (share of the picture, NaN without masks), ``boxes`` (number), ``error``.
    """
    areas = [sum(mask.area for mask in item.masks.values()) if item.masks else np.nan for item in facts]
    return pd.DataFrame(
        {
            "dataset": table["dataset"].to_numpy(),
            "image": table["image"].to_numpy(),
            "patient": patient_keys(table).to_numpy(),
            "label": [_label(row.tb, row.abnormal) for row in table.itertuples()],
            "sex": table["sex"].to_numpy(),
            "age": pd.to_numeric(table["age"], errors="coerce").to_numpy(),
            "width": [item.width for item in facts],
            "height": [item.height for item in facts],
            "low": [item.low for item in facts],
            "high": [item.high for item in facts],
            "lung_masks": [bool(item.masks) for item in facts],
            "lung_area": areas,
            "boxes": [_box_count(text) for text in table["boxes"]],
            "error": [item.error for item in facts],
        }
    )


def site_summary(images: pd.DataFrame) -> pd.DataFrame:
    """One row a site with the numbers of images, patients, labels, sexes, masks and boxes, and median age and size."""
    rows = []
    for site, part in images.groupby("dataset"):
        readable = part[part["width"] > 0]
        rows.append(
            {
                "site": site,
                "images": len(part),
                "patients": part["patient"].nunique(),
                "TB": int((part["label"] == "TB").sum()),
                "no TB": int((part["label"] == "no TB").sum()),
                "F": int((part["sex"] == "F").sum()),
                "M": int((part["sex"] == "M").sum()),
                "median age": _median(part["age"]),
                "lung masks": int(part["lung_masks"].sum()),
                "images with boxes": int((part["boxes"] > 0).sum()),
                "boxes": int(part["boxes"].sum()),
                "median width": _median(readable["width"]),
                "median height": _median(readable["height"]),
                "median lung area": _median(part["lung_area"], digits=3),
                "unreadable": int((part["error"] != "").sum()),
            }
        )
    return pd.DataFrame(rows)


def _label(tb: str, abnormal: str) -> str:
    if tb in ("0", "1"):
        return "TB" if tb == "1" else "no TB"
    return {"1": "abnormal", "0": "normal"}.get(abnormal, "unknown")


def _box_count(text: str) -> int:
    try:
        return len(json.loads(text)) if text else 0
    except (ValueError, TypeError):
        return 0


def _median(values: pd.Series, digits: int = 0) -> str:
    return "" if values.dropna().empty else f"{values.median():.{digits}f}"


def _page(summary: pd.DataFrame, sheets: Sequence[tuple[str, str]], unreadable: dict[str, str]) -> str:
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Data folder</title>",
        f"<style>{_STYLE}</style></head><body><h1>Data folder</h1>",
        summary.to_html(index=False, border=0),
    ]
    if unreadable:
        lines = "".join(f"<li>{html.escape(name)}: {html.escape(why)}</li>" for name, why in unreadable.items())
        parts.append(f"<h2>Unreadable images ({len(unreadable)})</h2><ul>{lines}</ul>")
    parts += [f"<h2>{title}</h2><img src='{name}' alt='{title}'>" for name, title in _CHARTS]
    if sheets:
        parts.append(f"<h2>Examples</h2><p>{LEGEND}</p>")
        parts += [f"<h3>{html.escape(site)}</h3><img src='{name}' alt='{html.escape(site)}'>" for name, site in sheets]
    return "\n".join([*parts, "</body></html>\n"])
