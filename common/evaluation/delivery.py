"""What becomes of every evaluation: files, pictures of cases, and its tables on the screen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar


class Evaluation(Protocol):
    """An evaluation in memory."""

    @property
    def warnings(self) -> Sequence[str]:
        """What people should know before they use the figures."""

    def save(self, output_dir: str | Path) -> None:
        """Write its files."""

    def markdown(self) -> str:
        """Its tables for people."""


Found = TypeVar("Found", bound=Evaluation)


def deliver(evaluation: Found, output_dir: str | Path, draw: Callable[[Found, Path], None] | None = None) -> Found:
    """Write an evaluation, draw its cases, and print its tables and warnings.

    Args:
        evaluation: what was found.
        output_dir: folder for its files.
        draw: draws cases of it into the folder that it is given, ``output_dir/cases``; None for none.

    Returns:
        The evaluation.

    Raises:
        OSError: the folder cannot be written.
    """
    evaluation.save(output_dir)
    if draw is not None:
        draw(evaluation, Path(output_dir) / "cases")
    print(evaluation.markdown())
    for line in evaluation.warnings:
        print(f"warning: {line}", file=sys.stderr)
    return evaluation
