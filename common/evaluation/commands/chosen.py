"""What the verbs that choose a rule write."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pandas as pd

from ..files import write_table, write_text


class Choice(Protocol):
    """A rule that was chosen, and all that was tried."""

    @property
    def table(self) -> pd.DataFrame:
        """One row a rule."""

    def overlay(self) -> str:
        """The rule as YAML."""

    def markdown(self) -> str:
        """The best rules for people."""


def write_choice(choice: Choice, output: str, table: str | None) -> None:
    """Write the overlay and, where a file is named, the table of all that was tried; print the best."""
    for path in filter(None, (output, table)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_text(Path(output), choice.overlay())
    if table:
        write_table(Path(table), choice.table.round(6))
    print(choice.markdown())
    print(f"written to {output}")
