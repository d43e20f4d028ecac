"""The verbs of ``python -m common.evaluation``, one a file with ``add_parser(verbs)``."""

from . import (
    choose_lesions,
    choose_regions,
    classification,
    compare,
    findings_agreement,
    lesions,
    localization,
    lungs,
    operating_point,
    report,
)

VERBS = (
    lungs,
    classification,
    operating_point,
    localization,
    choose_regions,
    lesions,
    choose_lesions,
    findings_agreement,
    compare,
    report,
)

__all__ = ["VERBS"]
