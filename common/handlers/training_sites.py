"""Where the images came from that weights were trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .training_record import RECORD

#: Entry of a bundle's metadata: sites by the SHA-256 of weights, as sites of the data index are called.
TRAINING_SITES = "training_sites"


def training_sites(weights: str | Path, sha256: str, metadata: Mapping[str, Any]) -> list[str]:
    """Sites of the training images, sorted; empty where nobody has written them down.

    What the bundle's metadata say of these very weights goes first, then ``training.json`` of the run that wrote them:
    beside them, or beside their folder, which is where :class:`.training_record.TrainingRecord` and the checkpoint of
    ``train.yaml`` put them. That record knows its own run and no earlier one whose weights it started from.

    Args:
        weights: weights file.
        sha256: of its content.
        metadata: content of the bundle's ``metadata.json``.
    """
    known = metadata.get(TRAINING_SITES)
    if isinstance(known, Mapping) and isinstance(known.get(sha256), list):
        return sorted(map(str, known[sha256]))
    folder = Path(weights).resolve().parent
    for path in (folder / RECORD, folder.parent / RECORD):
        if path.is_file():
            return sorted(filter(None, _trained_on(path)))
    return []


def _trained_on(path: Path) -> list[str]:
    try:
        images = json.loads(path.read_text(encoding="utf-8"))["images"]["train"]
        return [str(site) for site, count in images.items() if count]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # of another form, or damaged; a run does not fail for it
