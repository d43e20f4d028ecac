"""Made-up lung masks, and a data folder with predictions made for it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROWS, COLUMNS = 72, 96


def lungs(*, left: bool = True, right: bool = True) -> NDArray[np.bool_]:
    """Two boxes of different size, so that no flip or rotation goes unnoticed; patient's right at low columns."""
    mask = np.zeros((ROWS, COLUMNS), dtype=bool)
    if right:
        mask[12:60, 14:40] = True
    if left:
        mask[12:52, 54:78] = True
    return mask


def save_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write 0/255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)


@dataclass(frozen=True)
class MadeUp:
    """Where things are: ``data`` with index.csv, ``predictions`` made for it."""

    data: Path
    predictions: Path

    def write_index(self, rows: list[dict[str, str]]) -> None:
        """Write ``index.csv`` with the columns of all rows."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        with (self.data / "index.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, fieldnames=names, restval="")
            writer.writeheader()
            writer.writerows(rows)

    def read_index(self) -> list[dict[str, str]]:
        """The rows of ``index.csv``."""
        with (self.data / "index.csv").open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))

    def predict(self, image: str, mask: NDArray[np.bool_], ending: str = "lungs") -> Path:
        """Save a predicted mask for an image of the index."""
        path = self.predictions / Path(image).parent / f"{Path(image).stem}_{ending}.png"
        save_mask(path, mask)
        return path
