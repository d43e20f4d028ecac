"""Evaluation as a pure function of saved predictions and the data index: no model, no GPU."""

from .bootstrap import Interval, bootstrap_mean, bootstrap_median, bootstrap_sums
from .brier import brier_score
from .calibration import calibration_curve, error_if_calibrated, expected_calibration_error, fit_calibration
from .cases import choose_cases, draw_cases
from .charts import distribution_chart
from .classification import evaluate_classification, report_classification
from .classification_result import ClassificationEvaluation
from .classified_images import join_truth, read_classifier_run
from .compare import compare_runs, read_run
from .comparison import Comparison
from .decision_curve import decision_curve
from .errors import EvaluationError
from .findings_agreement import findings_agreement
from .findings_agreement_result import FindingsAgreement
from .heterogeneity import heterogeneity
from .intervals import clopper_pearson, proportion
from .lesion_comparison import LesionComparison, compare_lesions
from .lesion_result import LesionEvaluation
from .lesion_seeds import LesionTables, read_lesion_tables
from .lesions import evaluate_lesions, report_lesions
from .localization import evaluate_localization, report_localization
from .localization_result import LocalizationEvaluation
from .lungs import LUNGS, evaluate_lungs, report_lungs
from .masks import MaskTask, evaluate_masks
from .operating_point import choose_threshold, judge, predictive_values, threshold_counts, threshold_table
from .operating_point_fit import fit_operating_point
from .region_choice import choose_regions
from .region_choice_result import RegionChoice
from .resampling import resample
from .result import MaskEvaluation
from .roc import area_under_curve, paired_areas, roc_points
from .site_shortcut import site_shortcut
from .spacing import SiteSpacing, Spacing, parse_spacing
from .summary import count_outcomes, summarize

__all__ = [
    "LUNGS",
    "ClassificationEvaluation",
    "Comparison",
    "EvaluationError",
    "FindingsAgreement",
    "Interval",
    "LesionComparison",
    "LesionEvaluation",
    "LesionTables",
    "LocalizationEvaluation",
    "MaskEvaluation",
    "MaskTask",
    "RegionChoice",
    "SiteSpacing",
    "Spacing",
    "area_under_curve",
    "bootstrap_mean",
    "bootstrap_median",
    "bootstrap_sums",
    "brier_score",
    "calibration_curve",
    "choose_cases",
    "choose_regions",
    "choose_threshold",
    "clopper_pearson",
    "compare_lesions",
    "compare_runs",
    "count_outcomes",
    "decision_curve",
    "distribution_chart",
    "draw_cases",
    "error_if_calibrated",
    "evaluate_classification",
    "evaluate_lesions",
    "evaluate_localization",
    "evaluate_lungs",
    "evaluate_masks",
    "expected_calibration_error",
    "findings_agreement",
    "fit_calibration",
    "fit_operating_point",
    "heterogeneity",
    "join_truth",
    "judge",
    "paired_areas",
    "parse_spacing",
    "predictive_values",
    "proportion",
    "read_classifier_run",
    "read_lesion_tables",
    "read_run",
    "report_classification",
    "report_lesions",
    "report_localization",
    "report_lungs",
    "resample",
    "roc_points",
    "site_shortcut",
    "summarize",
    "threshold_counts",
    "threshold_table",
]
