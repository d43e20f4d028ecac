"""The page: one HTML file that needs nothing else, made of the figures of a report and nothing else."""

from __future__ import annotations

import html
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from ...fusion.page import STYLE as BASE_STYLE
from .box_sections import localization_section
from .lesion_sections import lesion_section
from .mask_sections import segmentation_section
from .options import CLASSIFICATION, LESIONS, LOCALIZATION
from .pictures import Pictures
from .score_sections import classification_section
from .shared_sections import (
    matrix_section,
    methods_section,
    models_section,
    quality_section,
    task_name,
    verdict_section,
)

_SECTIONS = {
    CLASSIFICATION: classification_section,
    LOCALIZATION: localization_section,
    LESIONS: lesion_section,
}

#: Nothing is ever fetched from anywhere.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def report_page(record: Mapping[str, Any], pictures: Pictures | None = None) -> str:
    """The page as HTML.

    Args:
        record: of a :class:`.build.Report`, or read from its ``report.json``.
        pictures: of the worst cases, see :func:`.pictures.case_pictures`.
    """
    pictures = pictures or {}
    sections = {"verdict": ("Verdict", verdict_section(record)), "matrix": ("Sites", matrix_section(record))}
    for task, part in record["tasks"].items():
        draw = _SECTIONS.get(task, segmentation_section)
        sections[task] = (task_name(task), draw(part, pictures))
    sections |= {
        "quality": ("Data quality", quality_section(record)),
        "models": ("Models", models_section(record)),
        "methods": ("Methods", methods_section(record)),
    }
    links = "".join(f'<li><a href="#{name}">{html.escape(title)}</a></li>' for name, (title, _) in sections.items())
    body = "".join(
        f'<section id="{name}"><h2>{html.escape(title)}</h2>{content}</section>\n'
        for name, (title, content) in sections.items()
    )
    own = files(__package__)
    style = BASE_STYLE + own.joinpath("page.css").read_text(encoding="utf-8")
    script = own.joinpath("page.js").read_text(encoding="utf-8")
    title = html.escape(record["title"])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}</style></head>\n<body>"
        f'<a class="skip" href="#verdict">Skip to the verdict</a><header><h1>{title}</h1>'
        f'<nav aria-label="Contents"><ul>{links}</ul></nav></header><main>\n{body}</main>'
        '<p class="note">Not for clinical use. The same figures are in report.json.</p>'
        f'<p id="said" class="hidden" role="status"></p><script>{script}</script></body></html>\n'
    )
