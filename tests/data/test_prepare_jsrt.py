from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data import read_index
from common.data.prepare import SOURCES, PrepareError, prepare
from common.data.prepare.jsrt import SIDE, find_jsrt, parse_clinical, read_jsrt

JSRT = SOURCES["jsrt"]
NODULES = (
    "JPCLN001.IMG\t5\t15\t53\tmale\t1634\t692\tmalignant\tl.upper lobe\tlung cancer\r"
    "JPCLN002.IMG\t5\t30\t78\tfemale\t1614\t1090\tbenign\tl.upper lobe(S5)\tpulmonary hematoma\r"
    "JPCLN016.IMG\t3\t20\t?\t?\t0\t0\tbenign\tr.lower lobe\tgranuloma\r"
)
NORMALS = "JPCNN001.IMG    42  male  non-nodule\r\nJPCNN002.IMG    0  female  non-nodule\r\n"


def _raw(values: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values.astype(">u2").tofile(path)
    return path


@pytest.fixture
def densities() -> np.ndarray:
    """Film densities: 1000 everywhere, air 4000 in a block at the upper left, bone 0 at the lower right."""
    values = np.full((SIDE, SIDE), 1000, dtype=np.uint16)
    values[100:300, 200:500] = 4000
    values[1900:2000, 1700:1800] = 0
    return values


def test_raw_values_become_bright_bones(tmp_path: Path, densities: np.ndarray) -> None:
    image = read_jsrt(_raw(densities, tmp_path / "JPCLN001.IMG"))

    assert image.shape == (SIDE, SIDE)
    assert (image[150, 300], image[1950, 1750], image[1000, 1000]) == (95, 4095, 3095)


def test_truncated_and_little_endian_files_are_refused(tmp_path: Path, densities: np.ndarray) -> None:
    short = _raw(densities[:-1], tmp_path / "JPCLN001.IMG")
    with pytest.raises(PrepareError, match="a JSRT image has 8388608"):
        read_jsrt(short)
    swapped = tmp_path / "JPCLN002.IMG"
    densities.astype("<u2").tofile(swapped)
    with pytest.raises(PrepareError, match="hold at most 4095"):
        read_jsrt(swapped)


def test_tables_with_any_line_end() -> None:
    nodules, normals = parse_clinical(NODULES), parse_clinical(NORMALS)

    assert nodules["JPCLN001"] == {
        "sex": "M",
        "age": "53",
        "findings": "lung nodule: malignant l.upper lobe lung cancer",
    }
    assert (nodules["JPCLN002"]["sex"], nodules["JPCLN002"]["age"]) == ("F", "78")
    assert (nodules["JPCLN016"]["sex"], nodules["JPCLN016"]["age"]) == ("", "")
    assert normals["JPCNN001"] == {"sex": "M", "age": "42", "findings": "no nodule"}
    assert normals["JPCNN002"]["age"] == ""  # 0 stands for unknown
    assert parse_clinical(NODULES.replace("\r", "\n")) == parse_clinical(NODULES.replace("\r", " ")) == nodules


@pytest.mark.parametrize(("bits", "mode", "air"), [(8, "L", 6), (16, "I;16", 1520)])
def test_images_masks_and_spacing(
    tmp_path: Path, densities: np.ndarray, save: Callable, bits: int, mode: str, air: int
) -> None:
    source = tmp_path / "source"
    _raw(densities, source / "All247images" / "JPCLN001.IMG")
    _raw(densities, source / "All247images" / "JPCNN001.IMG")
    left, right = np.zeros((1024, 1024), np.uint8), np.zeros((1024, 1024), np.uint8)
    right[200:800, 100:400] = 255
    left[200:800, 600:900] = 255
    save(source / "scratch" / "fold1" / "masks" / "left lung" / "JPCLN001.gif", left)
    save(source / "scratch" / "fold1" / "masks" / "right lung" / "JPCLN001.gif", right)
    save(source / "scratch" / "fold1" / "masks" / "heart" / "JPCLN001.gif", right)
    (source / "Clinical_Information").mkdir()
    (source / "Clinical_Information" / "CLNDAT_EN.txt").write_bytes(NODULES.encode())

    report = prepare(JSRT, source, tmp_path / "data", size=256, bits=bits)

    assert (report.images, report.masks, report.missing_masks) == (2, 1, ["JPCNN001"])
    table = read_index(tmp_path / "data").set_index("patient_id")
    row = table.loc["JPCLN001"]
    picture = Image.open(tmp_path / "data" / row["image"])
    assert (picture.mode, picture.size) == (mode, (256, 256))
    assert np.asarray(picture)[25, 40] == pytest.approx(air, abs=1)  # 95 of 4095
    assert (row["spacing_x"], row["spacing_y"]) == ("1.4", "1.4")  # 0.175 mm x 2048 / 256
    assert (row["abnormal"], row["sex"], row["age"], row["seg_split"]) == ("1", "M", "53", "train")
    assert (table.loc["JPCNN001", "abnormal"], table.loc["JPCNN001", "findings"]) == ("0", "no nodule")
    assert row["lung_mask"] == ""
    for column, middle in (("left_lung_mask", 187), ("right_lung_mask", 62)):
        mask = np.asarray(Image.open(tmp_path / "data" / row[column])) > 0
        assert mask.sum() == 150 * 75
        assert np.flatnonzero(mask.any(axis=0)).mean() == pytest.approx(middle, abs=0.6)


def test_the_published_test_list_is_the_rest_of_a_complete_set(tmp_path: Path) -> None:
    names = [f"JPCLN{number:03d}" for number in range(1, 155)] + [f"JPCNN{number:03d}" for number in range(1, 94)]
    for name in names:
        (tmp_path / f"{name}.IMG").touch()

    splits = [record.values.get("seg_split", "") for record in find_jsrt(tmp_path).records]
    assert splits.count("test") == 50

    (tmp_path / "JPCLN003.IMG").unlink()
    incomplete = find_jsrt(tmp_path)
    assert not any("seg_split" in record.values for record in incomplete.records)
    assert any("246 of 247" in note for note in incomplete.notes)
