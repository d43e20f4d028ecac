from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from common.data import read_index
from common.data.prepare import SOURCES, prepare
from common.data.prepare.shenzhen import find_shenzhen

SHENZHEN = SOURCES["shenzhen"]


def _distribution(root: Path, film: Callable, save: Callable) -> Path:
    folder = root / "ChinaSet_AllFiles"
    # The original files have a palette or three equal channels; here the palette runs backwards as well.
    grey = film(0)
    palette = Image.fromarray(255 - grey, mode="P")
    palette.putpalette([value for level in range(255, -1, -1) for value in (level,) * 3])
    (folder / "CXR_png").mkdir(parents=True)
    palette.save(folder / "CXR_png" / "CHNCXR_0001_0.png")
    save(folder / "CXR_png" / "CHNCXR_0002_0.png", film(1), mode="RGB")
    save(folder / "CXR_png" / "CHNCXR_0328_1.png", film(2))
    save(folder / "Annotations" / "masks" / "CHNCXR_0328_1_mask.png", film(7))
    save(root / "__MACOSX" / "CXR_png" / "CHNCXR_0328_1.png", film(8))
    save(root / "mask" / "mask" / "CHNCXR_0001_0_mask.png", (film(3) > 128).astype(np.uint8) * 255)
    save(root / "mask" / "mask" / "CHNCXR_0005_0_mask.png", (film(3) > 128).astype(np.uint8) * 255)
    readings = folder / "ClinicalReadings"
    readings.mkdir()
    (readings / "CHNCXR_0001_0.txt").write_text("male 45yrs\nnormal")
    (readings / "CHNCXR_0328_1.txt").write_text("female 16month\nleft PTB")
    return root


def test_palettes_channels_and_missing_masks(tmp_path: Path, film: Callable, save: Callable) -> None:
    source = _distribution(tmp_path / "source", film, save)

    report = prepare(SHENZHEN, source, tmp_path / "data")

    assert (report.images, report.masks, report.failed) == (3, 1, {})
    assert report.missing_masks == ["CHNCXR_0002_0", "CHNCXR_0328_1"]
    assert report.notes == ["CHNCXR_0002_0: no clinical reading", "CHNCXR_0005_0: a mask without its image"]
    table = read_index(tmp_path / "data").set_index("patient_id")
    for seed, patient in enumerate(("0001", "0002", "0328")):
        pixels = np.asarray(Image.open(tmp_path / "data" / table.loc[patient, "image"]))
        np.testing.assert_array_equal(pixels, film(seed))
    assert table["lung_mask"].tolist() == ["shenzhen/lung_masks/CHNCXR_0001_0.png", "", ""]
    assert table["tb"].tolist() == ["0", "0", "1"]
    assert table["age"].tolist() == ["45", "", "1.33"]
    assert table["spacing_x"].tolist() == ["", "", ""]
    assert table.loc["0001", "seg_split"] == "train"


def test_the_nested_folders_of_a_repackaging(tmp_path: Path, film: Callable, save: Callable) -> None:
    save(tmp_path / "images" / "images" / "CHNCXR_0001_0.png", film(0))
    (tmp_path / "shenzhen_metadata.csv").write_text("study_id,sex,age,findings\nCHNCXR_0001_0.png,Male,45,normal\n")

    (record,) = find_shenzhen(tmp_path).records

    assert (record.values["sex"], record.values["age"], record.values["findings"]) == ("M", "45", "normal")
