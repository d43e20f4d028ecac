"""A small data folder of two institutions, and the bundle that is trained on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.data.index import COLUMNS
from common.data.index_writer import write_index
from common.data.phantom import radiograph_phantom
from common.data.phantom_files import write_picture
from common.federated import FederatedTask


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three training and two validation images a site; patients and files have names that can be searched for."""
    folder = tmp_path_factory.mktemp("films")
    rows = []
    for number in range(10):
        site = ("north", "south")[number % 2]
        part = "train" if number < 6 else "val"
        phantom = radiograph_phantom((96, 96), seed=number, lesions=number // 2 % 2)
        stem = f"SECRET_{site}_{number}"
        write_picture(folder / site / f"{stem}.png", phantom.image, pixel=1.0)
        write_picture(folder / site / f"{stem}_mask.png", phantom.lungs.astype(np.uint8) * 255)
        rows.append(
            {
                "dataset": site,
                "image": f"{site}/{stem}.png",
                "patient_id": f"PATIENT_{number}",
                "lung_mask": f"{site}/{stem}_mask.png",
                "tb": str(number // 2 % 2),
                "seg_split": part,
                "cls_split": part,
            }
        )
    write_index(folder, pd.DataFrame(rows, columns=list(COLUMNS)).fillna(""))
    return folder


@pytest.fixture(scope="session")
def bundles() -> Path:
    """The folder of the bundles."""
    return Path(__file__).resolve().parents[2] / "bundles"


@pytest.fixture(scope="session")
def lung_task() -> FederatedTask:
    """The tiny lung network, one epoch a round."""
    return FederatedTask(
        bundle="lung_seg",
        overlays=("configs/networks/tiny_unet.yaml",),
        settings={"image_size": [32, 32], "batch_size": 2, "amp": False, "cache_rate": 1.0, "seed": 3},
    )
