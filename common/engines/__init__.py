"""Engines for folders of files that nobody has checked."""

from .folder_evaluator import FolderEvaluator
from .shared_folder import SharedFolder

__all__ = ["FolderEvaluator", "SharedFolder"]
