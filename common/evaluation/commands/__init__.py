"""The verbs of ``python -m common.evaluation``, one a file with ``add_parser(verbs)``."""

from . import classification, compare, lungs, operating_point

VERBS = (lungs, classification, operating_point, compare)

__all__ = ["VERBS"]
