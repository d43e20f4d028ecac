"""Which images show the same patient."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pandas as pd

# Montgomery's readings say so in words: "NO REPORT (same pt as MCUCXR_0162_1)".
_SAME_PATIENT = re.compile(r"same (?:pt|patient)s? as ([^).;]*)", re.IGNORECASE)
_NAME = re.compile(r"[\w-]+")


def image_stem(path: str) -> str:
    """File name of an index path without folder and extension."""
    return PurePosixPath(path.replace("\\", "/")).stem


def patient_keys(table: pd.DataFrame) -> pd.Series:
    """A key per row that two rows share exactly when they show the same patient.

    Identifiers are only unique within one data set, so the key starts with its name. Rows without an identifier count
    as patients of their own. Where the findings of a row say that it shows the same patient as another image of the
    data set, both get one key: Montgomery has such films under different identifiers.

    Args:
        table: columns ``dataset``, ``image``, ``patient_id`` and ``findings`` as :func:`read_index` returns them.

    Returns:
        Keys ``dataset/identifier``, on the index of ``table``; of linked identifiers the alphabetically first one.
    """
    own = {
        position: f"{row.dataset}/{row.patient_id or image_stem(row.image)}"
        for position, row in zip(table.index, table.itertuples(), strict=True)
    }
    by_image = {(row.dataset, image_stem(row.image)): own[position] for position, row in table.iterrows()}
    leader = {key: key for key in own.values()}

    def find(key: str) -> str:
        while leader[key] != key:
            key = leader[key]
        return key

    for position, row in table.iterrows():
        for mention in _SAME_PATIENT.finditer(row["findings"]):
            for name in _NAME.findall(mention.group(1)):
                other = by_image.get((row["dataset"], name))
                if other is not None:
                    first, second = sorted((find(own[position]), find(other)))
                    leader[second] = first
    return pd.Series({position: find(key) for position, key in own.items()}, dtype=object).reindex(table.index)
