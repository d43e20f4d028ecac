from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.data import read_index
from common.data.describe import describe_folder
from common.data.montage import TILE, draw_montage

ROWS = [
    {"dataset": "a", "lung_mask": "a/m0.png", "tb": "1", "sex": "F", "age": "30", "patient_id": "1"},
    {"dataset": "a", "lung_mask": "a/m1.png", "tb": "0", "sex": "M", "age": "40", "patient_id": "1"},
    {"dataset": "b & <c>", "abnormal": "1", "boxes": '[{"label": "active", "xywh": [40, 48, 20, 24]}]'},
    {"dataset": "b & <c>", "abnormal": "0", "boxes": "[]"},
    {"dataset": "b & <c>", "boxes": "broken"},
]


def test_page_tables_and_charts(data_folder: Callable, tmp_path: Path) -> None:
    root = data_folder(ROWS)
    (root / "site/images/003.png").write_text("no picture")

    result = describe_folder(root, tmp_path / "out", progress=False)

    summary = pd.read_csv(tmp_path / "out" / "summary.csv", keep_default_na=False).set_index("site")
    counts = [2, 1, 1, 1, 1, 1, 2]
    assert summary.loc["a", ["images", "patients", "TB", "no TB", "F", "M", "lung masks"]].tolist() == counts
    assert summary.loc["a", "median age"] == "35"
    assert summary.loc["b & <c>", ["boxes", "images with boxes", "unreadable"]].tolist() == [1, 1, 1]
    images = pd.read_csv(tmp_path / "out" / "images.csv")
    assert images["label"].tolist() == ["TB", "no TB", "abnormal", "normal", "unknown"]
    assert images["lung_area"][0] == pytest.approx(0.3, abs=0.02)  # two blobs of 58 x 20 in 96 x 80
    assert list(result.unreadable) == ["site/images/003.png"]
    page = (tmp_path / "out" / "index.html").read_text()
    assert "b &amp; &lt;c&gt;" in page
    assert "<c>" not in page
    for name in ("counts", "ages", "sizes", "grey_levels", "mask_areas", "montage_0", "montage_1"):
        assert f"{name}.png" in page
        assert Image.open(tmp_path / "out" / f"{name}.png").size[0] >= TILE


def test_a_folder_without_masks_ages_or_readable_images(data_folder: Callable, tmp_path: Path) -> None:
    root = data_folder([{}])
    (root / "site/images/000.png").unlink()

    result = describe_folder(root, tmp_path / "out", montage=12, progress=False)

    assert len(result.unreadable) == 1
    assert not list((tmp_path / "out").glob("montage*"))


def test_outlines_and_boxes_lie_where_they_should(data_folder: Callable, tmp_path: Path) -> None:
    root = data_folder([ROWS[2] | {"lung_mask": "m.png"}])

    assert draw_montage(root, read_index(root), tmp_path / "sheet.png") == 1

    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).astype(int)
    scale, left = TILE / 96, (TILE - round(80 * TILE / 96)) // 2
    red = (sheet[..., 0] > 200) & (sheet[..., 1] < 90)
    cyan = (sheet[..., 2] == 255) & (sheet[..., 0] == 0)
    rows, columns = np.nonzero(red)
    assert (rows.min(), rows.max()) == pytest.approx((48 * scale, 72 * scale), abs=2)
    assert (columns.min() - left, columns.max() - left) == pytest.approx((40 * scale, 60 * scale), abs=2)
    rows, columns = np.nonzero(cyan)
    assert (rows.min(), rows.max()) == pytest.approx((96 / 5 * scale, 96 * 0.8 * scale), abs=4)
    assert (columns.min() - left, columns.max() - left) == pytest.approx((10 * scale, 70 * scale), abs=4)
