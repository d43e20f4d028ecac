"""A made-up data folder of two sites with predictions of known errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_up_masks import COLUMNS, ROWS, MadeUp, lungs, save_mask
from PIL import Image


@pytest.fixture
def made_up(tmp_path: Path) -> MadeUp:
    """Sites north (one mask an image, 0.5 x 0.25 mm) and south (left and right masks, no pixel size), four images each.

    Image number n of either site is predicted n columns too far right. The last image of north has no truth. Images
    0 and 1 of south belong to one patient.
    """
    folder = MadeUp(tmp_path / "data", tmp_path / "predictions")
    random = np.random.default_rng(0)
    rows = []
    for site in ("north", "south"):
        for number in range(4):
            name = f"{site}/images/case {number}.png"
            picture = random.integers(0, 60, (ROWS, COLUMNS)) + np.where(lungs(), 40, 150)
            (folder.data / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture.astype(np.uint8)).save(folder.data / name)
            row = {"dataset": site, "image": name, "seg_split": "val" if number == 3 else "test"}
            if site == "north":
                row |= {"spacing_x": "0.5", "spacing_y": "0.25", "patient_id": f"00{number}"}
                if number < 3:
                    row["lung_mask"] = f"north/masks/{number}.png"
                    save_mask(folder.data / row["lung_mask"], lungs())
            else:
                row["patient_id"] = "p" if number < 2 else ""
                for side in ("left", "right"):
                    row[f"{side}_lung_mask"] = f"south/{side}/{number}.png"
                    save_mask(folder.data / row[f"{side}_lung_mask"], lungs(**{side: True, _other(side): False}))
            rows.append(row)
            folder.predict(name, np.roll(lungs(), number, axis=1))
    folder.write_index(rows)
    return folder


def _other(side: str) -> str:
    return "right" if side == "left" else "left"
