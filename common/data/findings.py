"""Findings of the check of a data folder, and the table they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a data folder, or may be.

    Attributes:
        severity: ``error`` falsifies training or figures; ``warning`` wants to be looked at.
        kind: what it is, in one word with underscores; the same for all findings of a kind.
        dataset: site of the row; of the first one where several are involved.
        images: paths of the images concerned.
        message: what was found and what was expected.
    """

    severity: Severity
    kind: str
    dataset: str
    images: tuple[str, ...]
    message: str


def findings_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """One row a finding: severity, kind, dataset, images (joined by ``; ``), message."""
    columns = ["severity", "kind", "dataset", "images", "message"]
    return pd.DataFrame([asdict(item) | {"images": "; ".join(item.images)} for item in findings], columns=columns)


def findings_text(findings: Iterable[Finding], *, shown: int = 10) -> str:
    """Findings grouped by kind, errors first, for the terminal.

    Args:
        findings: all of them.
        shown: lines a kind; the rest is counted.
    """
    groups: dict[tuple[Severity, str], list[Finding]] = {}
    for item in findings:
        groups.setdefault((item.severity, item.kind), []).append(item)
    lines = []
    for (severity, kind), members in sorted(groups.items(), key=lambda entry: entry[0]):
        lines.append(f"{severity}: {kind} ({len(members)})")
        for item in members[:shown]:
            where = "; ".join(item.images[:4]) + ("; …" if len(item.images) > 4 else "")
            lines.append(f"  {where}: {item.message}" if where else f"  {item.message}")
        if len(members) > shown:
            lines.append(f"  … and {len(members) - shown} more")
    return "\n".join(lines)
