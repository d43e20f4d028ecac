from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.data import COLUMNS, read_index
from common.data.prepare import SOURCES, PrepareError, prepare
from common.data.prepare.montgomery import find_montgomery, montgomery_spacing

MONTGOMERY = SOURCES["montgomery"]


@pytest.fixture
def distribution(tmp_path: Path, film: Callable, save: Callable) -> Path:
    """Three films of the original layout: two with both masks, one with the left mask only."""
    root = tmp_path / "original" / "MontgomerySet"
    for number, name in enumerate(("MCUCXR_0001_0", "MCUCXR_0104_1", "MCUCXR_0108_1")):
        save(root / "CXR_png" / f"{name}.png", film(number))
        left, right = np.zeros((96, 80), np.uint8), np.zeros((96, 80), np.uint8)
        right[20:70, 10:30] = 255
        left[25:75, 50:70] = 255
        save(root / "ManualMask" / "leftMask" / f"{name}.png", left, mode="1")
        if number < 2:
            save(root / "ManualMask" / "rightMask" / f"{name}.png", right, mode="1")
        reading = root / "ClinicalReadings" / f"{name}.txt"
        reading.parent.mkdir(exist_ok=True)
        reading.write_text(f"Patient's Sex: F\nPatient's Age: 0{30 + number}Y\n{'TB' if number else 'normal'}\n")
    (root / "NLM-MontgomeryCXRSet-ReadMe.pdf").write_bytes(b"%PDF")
    return root.parent


def test_index_images_and_united_masks(distribution: Path, tmp_path: Path, film: Callable) -> None:
    report = prepare(MONTGOMERY, distribution, tmp_path / "data")

    assert (report.images, report.masks, report.failed) == (3, 2, {})
    assert report.missing_masks == ["MCUCXR_0108_1"]
    assert any("one lung only" in note for note in report.notes)
    header = pd.read_csv(tmp_path / "data" / "index.csv", nrows=0).columns
    assert tuple(header) == COLUMNS
    table = read_index(tmp_path / "data").set_index("patient_id")
    first = table.loc["0001"]
    assert dict(first[["dataset", "sex", "age", "tb", "findings"]]) == {
        "dataset": "montgomery",
        "sex": "F",
        "age": "30",
        "tb": "0",
        "findings": "normal",
    }
    assert (first["seg_split"], first["cls_split"]) == ("train", "val")
    assert table.loc["0104", "tb"] == "1"
    assert table.loc["0108", "lung_mask"] == ""
    written = Image.open(tmp_path / "data" / first["image"])
    assert written.mode == "L"
    np.testing.assert_array_equal(np.asarray(written), film(0))
    mask = np.asarray(Image.open(tmp_path / "data" / first["lung_mask"]))
    assert set(np.unique(mask)) == {0, 255}
    assert (mask > 0).sum() == 2 * 50 * 20
    assert mask[30, 15] == 255  # the patient's right lung, on the picture's left
    assert mask[72, 60] == 255
    assert json.loads((tmp_path / "data" / "prepare_montgomery.json").read_text())["missing_masks"] == ["MCUCXR_0108_1"]


def test_squashing_keeps_the_place_of_the_lungs(distribution: Path, tmp_path: Path) -> None:
    prepare(MONTGOMERY, distribution, tmp_path / "data", size=64, processes=2, progress=False)

    row = read_index(tmp_path / "data").iloc[0]
    image = np.asarray(Image.open(tmp_path / "data" / row["image"]))
    mask = np.asarray(Image.open(tmp_path / "data" / row["lung_mask"])) > 0
    assert image.shape == mask.shape == (64, 64)
    columns = np.flatnonzero(mask[:, :32].any(axis=0))
    assert (columns[0], columns[-1]) == (8, 23)  # 10 and 29 of 80


def test_spacing_is_known_for_films_of_the_original_size_only() -> None:
    assert montgomery_spacing((4020, 4892)) == montgomery_spacing((4892, 4020)) == 0.0875
    assert montgomery_spacing((1024, 1024)) is None
    assert montgomery_spacing((4020, 4020)) is None


def test_a_repackaging_with_united_masks_and_a_table(tmp_path: Path, film: Callable, save: Callable) -> None:
    root = tmp_path / "Lung Segmentation"
    save(root / "CXR_png" / "MCUCXR_0001_0.png", film(0))
    save(root / "CXR_png" / "CHNCXR_0001_0.png", film(1))
    save(root / "masks" / "MCUCXR_0001_0.png", (film(2) > 128).astype(np.uint8) * 255)
    save(root / "copy" / "images" / "MCUCXR_0001_0.png", film(0))
    (root / "montgomery_metadata.csv").write_text("study_id,age,gender,findings\nMCUCXR_0001_0.png,27,F,normal\n")

    inventory = find_montgomery(tmp_path)

    (record,) = inventory.records
    assert record.image == root / "CXR_png" / "MCUCXR_0001_0.png"
    assert record.masks == {"lung_mask": (root / "masks" / "MCUCXR_0001_0.png",)}
    assert (record.values["sex"], record.values["age"], record.values["tb"]) == ("F", "27", "0")
    assert not inventory.notes


def test_copies_that_differ_are_not_chosen_from(tmp_path: Path, film: Callable, save: Callable) -> None:
    save(tmp_path / "CXR_png" / "MCUCXR_0001_0.png", film(0))
    save(tmp_path / "copy" / "CXR_png" / "MCUCXR_0001_0.png", film(1))

    with pytest.raises(PrepareError, match="two different files for MCUCXR_0001_0"):
        find_montgomery(tmp_path)


def test_a_damaged_film_and_a_mask_of_another_shape_stop_nothing(
    distribution: Path, tmp_path: Path, save: Callable
) -> None:
    folder = distribution / "MontgomerySet"
    damaged = folder / "CXR_png" / "MCUCXR_0001_0.png"
    damaged.write_bytes(damaged.read_bytes()[:300])
    save(folder / "ManualMask" / "rightMask" / "MCUCXR_0104_1.png", np.full((50, 80), 255, np.uint8))

    report = prepare(MONTGOMERY, distribution, tmp_path / "data")

    assert set(report.failed) == {"MCUCXR_0001_0.png", "MCUCXR_0104_1.png"}
    assert "damaged" in report.failed["MCUCXR_0001_0.png"]
    assert "80 x 50" in report.failed["MCUCXR_0104_1.png"]
    assert str(tmp_path / "original") not in "".join(report.failed.values())
    assert read_index(tmp_path / "data")["patient_id"].tolist() == ["0108"]
    assert not (tmp_path / "data" / "montgomery" / "images" / "MCUCXR_0104_1.png").exists()


def test_an_existing_target_is_replaced_only_on_demand(distribution: Path, tmp_path: Path) -> None:
    prepare(MONTGOMERY, distribution, tmp_path / "data")

    with pytest.raises(PrepareError, match="--overwrite"):
        prepare(MONTGOMERY, distribution, tmp_path / "data")
    prepare(MONTGOMERY, distribution, tmp_path / "data", overwrite=True)
    assert len(read_index(tmp_path / "data")) == 3


def test_rows_of_other_data_sets_in_the_target_stay(distribution: Path, tmp_path: Path) -> None:
    target = tmp_path / "data"
    target.mkdir()
    (target / "index.csv").write_text("dataset,image,ward\nmine,mine/a.png,7\n", encoding="utf-8")

    prepare(MONTGOMERY, distribution, target)

    table = read_index(target)
    assert table["dataset"].tolist() == ["mine", "montgomery", "montgomery", "montgomery"]
    assert table["ward"].tolist() == ["7", "", "", ""]


@pytest.mark.parametrize(("options", "message"), [({"size": 10}, "at least 64"), ({"bits": 12}, "8 or 16")])
def test_impossible_options(tmp_path: Path, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(MONTGOMERY, tmp_path, tmp_path / "data", **options)


def test_folders_without_the_data_set(tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match="no such folder"):
        prepare(MONTGOMERY, tmp_path / "nowhere", tmp_path / "data")
    with pytest.raises(PrepareError, match="no Montgomery images"):
        prepare(MONTGOMERY, tmp_path, tmp_path / "data")
