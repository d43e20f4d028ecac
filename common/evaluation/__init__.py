"""Evaluation as a pure function of saved predictions and the data index: no model, no GPU."""

from .bootstrap import Interval, bootstrap_mean, bootstrap_median, bootstrap_sums
from .cases import choose_cases, draw_cases
from .charts import distribution_chart
from .compare import compare_runs, read_run
from .comparison import Comparison
from .errors import EvaluationError
from .lungs import LUNGS, evaluate_lungs, report_lungs
from .masks import MaskTask, evaluate_masks
from .result import MaskEvaluation
from .spacing import SiteSpacing, Spacing, parse_spacing
from .summary import count_outcomes, summarize

__all__ = [
    "LUNGS",
    "Comparison",
    "EvaluationError",
    "Interval",
    "MaskEvaluation",
    "MaskTask",
    "SiteSpacing",
    "Spacing",
    "bootstrap_mean",
    "bootstrap_median",
    "bootstrap_sums",
    "choose_cases",
    "compare_runs",
    "count_outcomes",
    "distribution_chart",
    "draw_cases",
    "evaluate_lungs",
    "evaluate_masks",
    "parse_spacing",
    "read_run",
    "report_lungs",
    "summarize",
]
