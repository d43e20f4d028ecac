"""Engines for folders of files that nobody has checked."""

from .folder_evaluator import FolderEvaluator

__all__ = ["FolderEvaluator"]
