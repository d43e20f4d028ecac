"""The page that shows readers and their agreement: one HTML file without scripts, pictures or links to elsewhere."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from .image_fusion import OK, FusionSettings, ImageResult
from .policies import COUNT, IMAGE, STAPLE
from .tables import Agreement

_LISTED = 100
STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums }
caption { text-align: left; padding-bottom: .3rem }
th, td { padding: .25rem .8rem; border-bottom: 1px solid #8886; text-align: right; vertical-align: top }
th:first-child, td:first-child, .text { text-align: left }
td.text { overflow-wrap: anywhere }
@media print { body { margin: 0; max-width: none; font-size: 11pt } tr { break-inside: avoid } }
"""
_READERS = {
    "reader": "reader",
    "images": "images read",
    "marked": "with marks",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "dice": "Dice with consensus",
    "dice_marked": "… where marked",
    "mean_area_fraction": "marked area",
}
_PAIRS = {
    "reader_a": "reader",
    "reader_b": "and reader",
    "images": "images",
    "dice": "Dice",
    "dice_marked": "… where marked",
    "pixel_kappa": "kappa of pixels",
    "image_kappa": "kappa of images",
}


def reader_page(
    settings: FusionSettings,
    results: Sequence[ImageResult],
    readers: Sequence[Mapping[str, Any]],
    pairs: Sequence[Mapping[str, Any]],
    agreement: Agreement,
) -> str:
    """The page as HTML.

    Args:
        settings: how the study was fused.
        results: what became of each image.
        readers: rows of :func:`.tables.rater_rows`.
        pairs: rows of :func:`.tables.pair_rows`.
        agreement: figures of all readers together.
    """
    fused = [result for result in results if result.status == OK]
    with_consensus = sum(bool(result.regions) for result in fused)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Readers and their consensus</title><style>{STYLE}</style></head><body>",
        "<h1>Readers and their consensus</h1>",
        f"<p>{len(fused)} of {len(results)} images fused from {len(settings.raters)} readers; the consensus marks "
        f"something on {with_consensus} of them, in {sum(len(result.regions) for result in fused)} regions.</p>",
        "<h2>Readers</h2>",
        _table(
            "Means over images; of sensitivity and specificity, over those on which readers differ",
            _READERS,
            readers,
        ),
        "<h2>Agreement</h2>",
        _table("Each pair of readers", _PAIRS, pairs),
        f"<p>All readers, on the {agreement.images} images that everyone has read: Fleiss' kappa of pixels "
        f"{_figure(agreement.pixel_fleiss_kappa)}, of images {_figure(agreement.image_fleiss_kappa)}. "
        f"Mean Dice of all pairs over all fused images {_figure(agreement.mean_pair_dice)}.</p>",
        "<h2>How to read it</h2>",
        f"<p>{_method(settings)}</p>",
        "<p>Dice is 1 where both left an image empty; “where marked” leaves such images out. Kappa of pixels counts "
        "every pixel of every image; as nearly all of them are unmarked, it is close to a Dice over all images. Kappa "
        "of images is about the decision whether an image shows anything to mark.</p>",
    ]
    rejected = [result for result in results if result.status != OK]
    if rejected:
        rows = [{"image": r.image, "status": r.status, "reason": r.reason} for r in rejected[:_LISTED]]
        header = {"image": "image", "status": "status", "reason": "reason"}
        parts += [f"<h2>Images without a consensus ({len(rejected)})</h2>", _table("", header, rows)]
        if len(rejected) > _LISTED:
            parts.append(f"<p>… and {len(rejected) - _LISTED} more, in images.csv</p>")
    loose = sum("not_converged" in result.flags for result in fused)
    if loose:
        parts.append(f"<p>On {loose} images the estimate had not converged when it stopped (images.csv).</p>")
    return "\n".join([*parts, "</body></html>\n"])


def _method(settings: FusionSettings) -> str:
    if settings.method != STAPLE:
        text = f"The consensus is the {settings.method} of the readers; sensitivity and specificity are against it."
    else:
        where = "the whole image" if settings.region == IMAGE else "the pixels readers differ on and those around"
        text = (
            "The consensus is STAPLE's (Warfield, Zou and Wells, IEEE TMI 23(7), 2004): the pixels whose posterior "
            f"probability exceeds {settings.threshold:g}. Sensitivity and specificity are its estimates, made image "
            f"by image on {where}."
        )
    empty = "counts as the statement that there is nothing" if settings.empty == COUNT else "counts as not read"
    return html.escape(f"{text} An image that a reader left empty {empty}.")


def _table(caption: str, header: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    texts = {name for row in rows for name in header if isinstance(row[name], str) and row[name]}
    head = "".join(
        f'<th scope="col"{" class=text" if name in texts else ""}>{html.escape(title)}</th>'
        for name, title in header.items()
    )
    body = "".join(f"<tr>{''.join(_cell(row[name]) for name in header)}</tr>\n" for row in rows)
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table>{title}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, str) and value:
        return f'<td class="text">{html.escape(value)}</td>'
    return f"<td>{value if isinstance(value, int) else _figure(value)}</td>"


def _figure(value: float | str) -> str:
    return "n/a" if value == "" or value != value else f"{value:.3f}"
