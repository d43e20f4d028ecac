"""Saved runs of several models, sites and tasks in one page and one JSON."""

from .build import Report, build_report
from .models import Model, read_models
from .options import ReportOptions
from .page import report_page
from .targets import WantedFigure, parse_target
from .write import write_report

__all__ = [
    "Model",
    "Report",
    "ReportOptions",
    "WantedFigure",
    "build_report",
    "parse_target",
    "read_models",
    "report_page",
    "write_report",
]
