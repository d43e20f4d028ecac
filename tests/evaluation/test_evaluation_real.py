"""True masks of real radiographs, taken for predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_up_masks import save_mask
from PIL import Image

from common.data import read_index
from common.data.lung_items import mask_columns
from common.evaluation import report_lungs

pytestmark = pytest.mark.data


def test_shifted_truth_of_three_sites_is_measured_and_drawn(cxr_data: Path, tmp_path: Path) -> None:
    index = read_index(cxr_data)
    index = index[index["seg_split"] == "val"]
    chosen = [index[index["dataset"] == site].iloc[0] for site in ("jsrt", "montgomery", "shenzhen")]
    for row in chosen:
        truth = np.any([np.asarray(Image.open(cxr_data / path)) for path in mask_columns(row)], axis=0)
        image = Path(row["image"])
        save_mask(tmp_path / "predictions" / image.parent / f"{image.stem}_lungs.png", np.roll(truth, 3, axis=1))
    evaluation = report_lungs(
        tmp_path / "predictions",
        cxr_data,
        tmp_path / "run",
        sites=["jsrt", "montgomery", "shenzhen"],
        splits=["val"],
        spacing={"jsrt": 0.7},
        cases=1,
        repeats=20,
    )
    compared = evaluation.per_image[evaluation.per_image["status"] == "ok"].set_index("image")
    assert sorted(compared.index) == sorted(row["image"] for row in chosen)
    assert len(evaluation.problems) == len(index) - 3
    assert compared["dice"].between(0.95, 0.995).all()
    assert (compared["hd"] <= np.where(compared["unit"] == "mm", 3 * 0.7, 3) + 1e-5).all()
    assert compared["unit"].tolist().count("mm") == 1
    assert len(list((tmp_path / "run/cases").iterdir())) == 3
