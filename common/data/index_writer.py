"""Writing ``index.csv``."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from .index import COLUMNS, INDEX_NAME


def write_index(dataset_dir: str | Path, table: pd.DataFrame) -> Path:
    """Write ``dataset_dir/index.csv`` in one step, so that a reader never finds half of it.

    The columns of the data contract come first and in its order. A contract column that the file did not have before
    and that is empty in every row is left out: an index that somebody made by hand keeps its shape.

    Args:
        dataset_dir: folder of the index; it is made when missing.
        table: strings, as :func:`read_index` returns them.

    Returns:
        Path of the index.
    """
    folder = Path(dataset_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / INDEX_NAME
    present = list(pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns) if path.is_file() else list(COLUMNS)
    known = [name for name in COLUMNS if name in table and (name in present or (table[name] != "").any())]
    others = [name for name in table.columns if name not in COLUMNS]
    partial = path.with_name(f".{INDEX_NAME}.partial")
    try:
        table[[*known, *others]].to_csv(partial, index=False, lineterminator="\n")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path
