"""Writing what an evaluation leaves behind, each file completely or not at all."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ..io import atomic_write


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV in UTF-8 without its row numbers."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def write_text(path: Path, text: str) -> None:
    """Write text in UTF-8."""
    with atomic_write(path) as stream:
        stream.write(text.encode())


def write_figure(path: Path, figure: Figure, dots_per_inch: int = 120) -> None:
    """Write a figure as PNG."""
    with atomic_write(path) as stream:
        figure.savefig(stream, format="png", dpi=dots_per_inch)
