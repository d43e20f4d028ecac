"""One row a radiograph with the columns of all parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..handlers.prediction_record import BASE_COLUMNS

OK, REFUSED, FAILED = "ok", "refused", "failed"
#: Column with the parts that gave no result, separated by spaces.
MISSING = "missing"
COLUMNS = (*BASE_COLUMNS, MISSING)

Rows = Mapping[str, Mapping[str, Any]]


def join_rows(parts: Mapping[str, Rows]) -> list[dict[str, Any]]:
    """Join the accounts of several parts.

    Args:
        parts: by part, rows of ``predictions.csv`` by image.

    Returns:
        Rows of the images that every part has dealt with, by name. ``status`` is "ok" when every part is, "failed" when
        one of them failed, else "refused"; ``reason`` names the part unless all parts give the same; ``flags`` are
        those of all parts; ``missing`` the parts without a result; then the parts' own columns.
    """
    first, *others = parts.values()
    names = sorted(name for name in first if all(name in rows for rows in others))
    return [_join(name, {part: rows[name] for part, rows in parts.items()}) for name in names]


def _join(image: str, rows: Rows) -> dict[str, Any]:
    missing = {part: row for part, row in rows.items() if row["status"] != OK}
    found = {row["status"] for row in missing.values()}
    flags = dict.fromkeys(flag for row in rows.values() for flag in row["flags"].split())
    joint = {
        "image": image,
        "status": FAILED if FAILED in found else REFUSED if found else OK,
        "reason": _reason({part: row["reason"] for part, row in missing.items()}, len(rows)),
        "flags": " ".join(flags),
        MISSING: " ".join(missing),
    }
    for row in rows.values():
        joint |= {name: value for name, value in row.items() if name not in BASE_COLUMNS}
    return joint


def _reason(reasons: Mapping[str, str], parts: int) -> str:
    if len(reasons) == parts and len(set(reasons.values())) == 1:
        return next(iter(reasons.values()))
    return "; ".join(f"{part}: {reason}" for part, reason in reasons.items())


def joint_columns(rows: list[dict[str, Any]]) -> list[str]:
    """All columns, in order."""
    return list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
