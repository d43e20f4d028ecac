"""Divisions of a data folder that keep every patient on one side and the mix of sites and labels the same in each."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import pandas as pd

from ..errors import UsageError
from .patients import patient_keys


def split_by_patient(
    table: pd.DataFrame,
    shares: Mapping[str, float],
    *,
    seed: int = 0,
    strata: Sequence[str] = ("dataset", "tb"),
) -> pd.Series:
    """Give every row a split.

    All images of a patient get the same one (:func:`common.data.patients.patient_keys`). Patients are divided within
    each stratum, so that every split holds the sites and labels in the proportion of the whole. The result depends on
    the patients, the shares and the seed alone: neither the order of the rows nor that of the columns changes it.

    Args:
        table: index as :func:`read_index` returns it.
        shares: name of each split and its share of the images; they add up to 1.
        seed: another seed gives another division.
        strata: columns whose mix is kept. Of a patient with several values, the largest one counts (TB before none).

    Returns:
        Names of splits on the index of ``table``.

    Raises:
        UsageError: shares that are negative or do not add up to 1, or a column the table lacks.
    """
    if any(share < 0 for share in shares.values()) or not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise UsageError(f"shares must not be negative and add up to 1, got {dict(shares)}")
    absent = [name for name in strata if name not in table.columns]
    if absent:
        raise UsageError(f"no column {', '.join(absent)} to stratify by; found {', '.join(table.columns)}")
    patients: dict[str, int] = {}
    stratum: dict[str, tuple[str, ...]] = {}
    keys = patient_keys(table)
    for key, rows in table.groupby(keys, sort=True):
        patients[str(key)] = len(rows)
        stratum[str(key)] = tuple(str(rows[name].max()) for name in strata)

    chosen: dict[str, str] = {}
    given = dict.fromkeys(shares, 0)
    for group in sorted(set(stratum.values())):
        members = sorted((key for key in patients if stratum[key] == group), key=lambda key: _rank(key, seed))
        total = sum(patients[key] for key in members)
        reached = sum(given.values()) + total
        inside = dict.fromkeys(shares, 0)
        for key in members:
            size = patients[key]
            room = {name: math.floor(share * total + 1e-9) - inside[name] for name, share in shares.items()}
            name = max(room, key=room.__getitem__)
            if room[name] < size:
                # What the whole numbers leave goes to the split that is furthest behind over all strata; within a
                # stratum the largest split would win every time, and with many small strata take them all.
                short = [name for name, share in shares.items() if inside[name] < share * total] or list(shares)
                name = max(short, key={name: shares[name] * reached - given[name] for name in short}.__getitem__)
            chosen[key] = name
            inside[name] += size
            given[name] += size
    return keys.map(chosen)


def folds_by_patient(
    table: pd.DataFrame, folds: int, *, seed: int = 0, strata: Sequence[str] = ("dataset", "tb")
) -> pd.Series:
    """Give every row the number of a fold, ``"0"`` to ``str(folds - 1)``; see :func:`split_by_patient`.

    Raises:
        UsageError: fewer than 2 folds.
    """
    if folds < 2:
        raise UsageError(f"folds must be at least 2, got {folds}")
    return split_by_patient(table, {str(fold): 1 / folds for fold in range(folds)}, seed=seed, strata=strata)


def _rank(key: str, seed: int) -> str:
    """A random-looking position that every machine and every version of every library agrees on."""
    return hashlib.sha256(f"{seed}/{key}".encode()).hexdigest()
