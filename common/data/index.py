"""The data index: one ``index.csv`` a folder of radiographs, one row an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..errors import UsageError

INDEX_NAME = "index.csv"

#: The columns of the data contract. Only ``image`` is always needed; each task says which others it needs.
COLUMNS = (
    "dataset",
    "image",
    "patient_id",
    "sex",
    "age",
    "tb",
    "abnormal",
    "findings",
    "lung_mask",
    "left_lung_mask",
    "right_lung_mask",
    "boxes",
    "seg_split",
    "cls_split",
    "det_split",
    "spacing_x",
    "spacing_y",
)


class DataIndexError(UsageError):
    """An index that is missing, unreadable or does not hold what a task needs."""


def read_index(dataset_dir: str | Path, *, required: Sequence[str] = ("image",)) -> pd.DataFrame:
    """Read ``dataset_dir/index.csv``.

    Args:
        dataset_dir: folder that holds ``index.csv``; the paths in the index are relative to it.
        required: columns that the caller cannot do without.

    Returns:
        All values as strings, an empty string where nothing is known; the columns of the data contract that the
        file lacks are added empty, columns outside the contract are kept.

    Raises:
        DataIndexError: no such folder or file, not a CSV table, no rows, or a required column is missing.
    """
    path = Path(dataset_dir) / INDEX_NAME
    if not Path(dataset_dir).is_dir():
        raise DataIndexError(f"{dataset_dir}: no such folder")
    if not path.is_file():
        raise DataIndexError(f"{path}: not found; a data folder holds an index.csv with one row an image")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataIndexError(f"{path}: not a CSV table in UTF-8 ({error})") from error
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise DataIndexError(f"{path}: column {', '.join(missing)} is missing; found {', '.join(table.columns)}")
    if table.empty:
        raise DataIndexError(f"{path}: no rows")
    for name in COLUMNS:
        if name not in table.columns:
            table[name] = ""
    return table


def select(
    table: pd.DataFrame,
    *,
    sites: Sequence[str] | None = None,
    split_column: str | None = None,
    splits: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Rows of the given sites (``dataset`` column) whose ``split_column`` is one of ``splits``.

    Raises:
        DataIndexError: a site or a split that the index does not have, or no row left; the message lists what there is.
    """
    sites = [sites] if isinstance(sites, str) else list(sites or [])
    splits = [splits] if isinstance(splits, str) else list(splits or [])
    if sites:
        unknown = sorted(set(sites) - set(table["dataset"]))
        if unknown:
            raise DataIndexError(f"unknown site {', '.join(unknown)}; the index has {_listing(table['dataset'])}")
        table = table[table["dataset"].isin(sites)]
    if split_column and splits:
        if split_column not in table.columns:
            raise DataIndexError(f"no split column {split_column}; the index has {_listing(table.columns)}")
        absent = sorted(set(splits) - set(table[split_column]))
        if absent:
            found = _listing(table[split_column])
            raise DataIndexError(f"no row with {split_column} in {', '.join(absent)}; the chosen sites have {found}")
        table = table[table[split_column].isin(splits)]
    return table


def _listing(values: pd.Series | pd.Index) -> str:
    return ", ".join(sorted({str(value) for value in values if str(value)})) or "none"
