"""CSV and JSON files, written completely or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .atomic import atomic_write


def write_csv(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write a table as UTF-8, one line a row.

    Args:
        path: the file to write; its folder has to exist.
        rows: column name -> value; a column that a row lacks stays empty.
        columns: all columns, in order.

    Raises:
        ValueError: a row has a column that is not in ``columns``.
        OSError: the file cannot be written; an existing one is left as it was.
    """
    with atomic_write(path) as stream, io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
        table = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write a value as JSON, UTF-8, indented.

    Args:
        path: the file to write; its folder has to exist.
        content: what the standard library can encode; not-a-number and infinity are not JSON and are refused.

    Raises:
        ValueError: ``content`` holds not-a-number or infinity.
        TypeError: ``content`` cannot be encoded.
        OSError: the file cannot be written; an existing one is left as it was.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_write(path) as stream:
        stream.write(f"{text}\n".encode())
