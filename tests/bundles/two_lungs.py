"""A test picture without any symmetry, and a network whose answer to it is known without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

CELLS = (20, 12)
# One weight and one bias: what is brighter than half the range is lung, beyond doubt.
BRIGHT = {"_target_": "torch.nn.Conv2d", "in_channels": 1, "out_channels": 1, "kernel_size": 1}


def truth(rows: int = 160, columns: int = 96) -> np.ndarray:
    """An F on the picture's left and a hook on its right: bool, rows x columns, multiples of 20 and 12."""
    cells = np.zeros(CELLS, dtype=bool)
    cells[2:16, 1:3] = cells[2:5, 3:7] = cells[7:9, 3:5] = True
    cells[6:10, 9:11] = cells[8:10, 7:9] = True
    return np.kron(cells, np.ones((rows // CELLS[0], columns // CELLS[1]), dtype=bool))


def picture(mask: np.ndarray, dtype: type = np.uint8) -> np.ndarray:
    """Grey levels that show a mask as bright on dark."""
    top = int(np.iinfo(dtype).max)
    return np.where(mask, top * 7 // 8, top // 8).astype(dtype)


def bright_network(folder: Path, size: tuple[int, int] = (160, 96)) -> dict[str, Any]:
    """Options of an inference with the known network at the network size ``size`` (rows, columns)."""
    weights = folder / "bright.pt"
    if not weights.is_file():
        bright_weights(weights)
    return {"network_def": dict(BRIGHT), "weights": str(weights), "image_size": [size[1], size[0]]}


def bright_weights(path: Path, bias: float = -50.0) -> Path:
    """Write weights of the known network: what exceeds ``-bias / 100`` of the range is lung."""
    torch.save({"weight": torch.full((1, 1, 1, 1), 100.0), "bias": torch.tensor([bias])}, path)
    return path


def rows_of(path: Path) -> np.ndarray:
    """A saved PNG mask: 8-bit grey, 0 and 255; rows x columns, bool."""
    with Image.open(path) as image:
        assert image.mode == "L"
        values = np.asarray(image)
    assert set(np.unique(values)) <= {0, 255}
    return values > 0


def table(output: Path) -> pd.DataFrame:
    """The table of an inference as it is written, by image."""
    return pd.read_csv(output / "predictions.csv", keep_default_na=False, dtype=str).set_index("image")


def turned(mask: np.ndarray) -> dict[str, np.ndarray]:
    """The mask as it would come back mirrored, turned or transposed, stretched to its own size."""
    rows, columns = mask.shape
    found = {"left-right": mask[:, ::-1], "upside down": mask[::-1], "by 180": mask[::-1, ::-1]}
    for name, other in (
        ("transposed", mask.T),
        ("by 90", np.rot90(mask)),
        ("by 270", np.rot90(mask, 3)),
        ("transposed, by 180", mask[::-1, ::-1].T),
    ):
        y = np.arange(rows) * other.shape[0] // rows
        x = np.arange(columns) * other.shape[1] // columns
        found[name] = other[np.ix_(y, x)]
    return found


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Dice overlap of two masks."""
    return float(2 * np.logical_and(a, b).sum() / (a.sum() + b.sum()))
