"""Weights of single rounds, kept so that one of them can be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from ..io import atomic_write

#: Folder of the files, beside the weights of the last round.
ROUNDS_DIR = "rounds"


def write_round(folder: Path, number: int, state: Mapping[str, torch.Tensor]) -> Path:
    """Write the weights that a round, counted from 0, has led to; returns the file."""
    place = folder / ROUNDS_DIR
    place.mkdir(parents=True, exist_ok=True)
    with atomic_write(place / f"{number:04d}.pt") as stream:
        torch.save(dict(state), stream)
    return place / f"{number:04d}.pt"


def round_files(folder: Path) -> dict[int, Path]:
    """Kept rounds of a folder, in their order."""
    return {int(file.stem): file for file in sorted((folder / ROUNDS_DIR).glob("[0-9]*.pt"))}
