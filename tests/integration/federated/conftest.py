"""Data of three institutions, and a data folder whose names can be searched for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.data.index import COLUMNS
from common.data.index_writer import write_index
from common.data.phantom import radiograph_phantom
from common.data.phantom_files import write_picture

pytest.importorskip("nvflare", reason="NVFlare, of the extra federated, is not installed")


@pytest.fixture(scope="session")
def bundles() -> Path:
    """The folder of the bundles."""
    return Path(__file__).resolve().parents[3] / "bundles"


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three institutions, with three training, two validation and two test images each."""
    folder = tmp_path_factory.mktemp("films")
    rows = []
    for number in range(21):
        site = ("north", "south", "east")[number % 3]
        part = "train" if number < 9 else "val" if number < 15 else "test"
        phantom = radiograph_phantom((96, 96), seed=number)
        stem = f"SECRET_{site}_{number}"
        write_picture(folder / site / f"{stem}.png", phantom.image, pixel=1.0)
        write_picture(folder / site / f"{stem}_mask.png", phantom.lungs.astype(np.uint8) * 255)
        row = {"dataset": site, "image": f"{site}/{stem}.png", "patient_id": f"PATIENT_{number}"}
        row |= {"lung_mask": f"{site}/{stem}_mask.png", "tb": str(number % 2)}
        rows.append(row | {"seg_split": part, "cls_split": part})
    write_index(folder, pd.DataFrame(rows, columns=list(COLUMNS)).fillna(""))
    return folder
