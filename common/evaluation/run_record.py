"""What a run says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import EvaluationError


def read_record(path: Path) -> dict[str, Any]:
    """Content of a run's ``run.json``; empty when there is no such file.

    Raises:
        EvaluationError: it is no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EvaluationError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(record, dict):
        raise EvaluationError(f"{path}: not the record of a run")
    return record
