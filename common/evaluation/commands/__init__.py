"""The verbs of ``python -m common.evaluation``, one a file with ``add_parser(verbs)``."""

from . import (
    choose_regions,
    classification,
    compare,
    findings_agreement,
    lesions,
    localization,
    lungs,
    operating_point,
)

VERBS = (lungs, classification, operating_point, localization, choose_regions, lesions, findings_agreement, compare)

__all__ = ["VERBS"]
