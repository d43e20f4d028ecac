"""Made-up radiographs and distributions in the layouts of the original ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from common.data import COLUMNS

Film = Callable[..., np.ndarray]


def _film(seed: int, shape: tuple[int, int] = (96, 80)) -> np.ndarray:
    """A picture of random structures of several sizes, uint8 over the whole range; every seed gives another one."""
    noise = np.random.default_rng(seed).standard_normal((160, 160))
    texture = sum(gaussian_filter(noise, sigma, mode="wrap") * sigma for sigma in (1.0, 2.5, 6.0))
    scaled = (texture - texture.min()) / np.ptp(texture) * 255
    picture = Image.fromarray(scaled.astype(np.float32)).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(picture).round().astype(np.uint8)


def _save(path: Path, image: np.ndarray, mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).convert(mode).save(path)
    return path


@pytest.fixture(scope="session")
def film() -> Film:
    """Function (seed, shape) -> uint8 picture."""
    return _film


@pytest.fixture(scope="session")
def save() -> Callable[..., Path]:
    """Function (path, array, mode) that writes a picture, its folders included."""
    return _save


@pytest.fixture
def data_folder(tmp_path: Path) -> Callable[..., Path]:
    """Function (rows, name) that writes images, masks and ``index.csv`` of a correct data folder.

    A row is a dictionary of columns; ``seed`` chooses the picture. Masks of two blobs are drawn where a mask column is
    named; the lungs in the picture are darkened there.
    """

    def build(rows: list[dict[str, str]], name: str = "folder", shape: tuple[int, int] = (96, 80)) -> Path:
        root = tmp_path / name
        table = []
        for number, row in enumerate(rows):
            values = dict(row)
            seed = int(values.pop("seed", number))
            entry = dict.fromkeys(COLUMNS, "") | {
                "dataset": "site",
                "image": f"site/images/{number:03d}.png",
                "patient_id": f"p{number}",
            }
            entry |= values
            image = _film(seed, shape)
            right, left = (np.zeros(shape, dtype=bool) for _ in range(2))
            right[shape[0] // 5 : shape[0] * 4 // 5, shape[1] // 8 : shape[1] * 3 // 8] = True
            left[shape[0] // 5 : shape[0] * 4 // 5, shape[1] * 5 // 8 : shape[1] * 7 // 8] = True
            drawn = {"lung_mask": left | right, "left_lung_mask": left, "right_lung_mask": right}
            for column, mask in drawn.items():
                if entry[column]:
                    _save(root / entry[column], mask.astype(np.uint8) * 255)
                    image = np.where(mask, image // 3, image // 3 + 160).astype(np.uint8)
            _save(root / entry["image"], image)
            table.append(entry)
        pd.DataFrame(table).to_csv(root / "index.csv", index=False)
        return root

    return build
