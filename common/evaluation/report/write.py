"""The two files of a report."""

from __future__ import annotations

from pathlib import Path

from ...io import write_json
from ..files import write_text
from .build import Report
from .page import report_page
from .pictures import case_pictures

PAGE, FIGURES = "report.html", "report.json"


def write_report(report: Report, output_dir: str | Path) -> None:
    """Write ``report.html`` and ``report.json``; both are there completely or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = case_pictures(report) if report.options.pictures else {}
    write_json(folder / FIGURES, report.record)
    write_text(folder / PAGE, report_page(report.record, pictures))
