"""Reports of few repeats on made-up scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_up_scores import MadeUpScores

from common.evaluation.report import Report, ReportOptions, build_report, read_models


def build(scores: MadeUpScores, *runs: Path, names: list[str] | None = None, **options: Any) -> Report:
    """A report of few repeats; the run of the fixture unless others are named."""
    train_sites = options.pop("train_sites", None)
    models = read_models(runs or [scores.run], names, train_sites)
    return build_report(
        models, scores.data, ReportOptions(**{"repeats": 20, "pictures": False, "subgroups": (), **options})
    )


def one(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The only row with these values."""
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1
    return found[0]
