"""The verbs of ``python -m common.evaluation``, one a file with ``add_parser(verbs)``."""

from . import compare, lungs

VERBS = (lungs, compare)

__all__ = ["VERBS"]
