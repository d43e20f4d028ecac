"""Warnings about radiographs and lung masks that are unlike those of the training list."""

from .confidence import LungConfidenced, lung_confidence
from .fit import fit_reference
from .reference import QualityReference, QualityReferenceError
from .rules import FLAGS, Quality, assess
from .transform import AssessQualityd
from .view import View, view

__all__ = [
    "FLAGS",
    "AssessQualityd",
    "LungConfidenced",
    "Quality",
    "QualityReference",
    "QualityReferenceError",
    "View",
    "assess",
    "fit_reference",
    "lung_confidence",
    "view",
]
