from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate

from common.data import read_index
from common.data.prepare import SOURCES, PrepareError, prepare
from common.data.prepare.siim import decode_runs, find_siim

# Ages without a unit, as the published files have them.
pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR AS")

SIIM = SOURCES["siim"]
ROOT = "1.2.276.0.7230010.3.1"
SHAPE = (80, 72)


def image_id(number: int) -> str:
    return f"{ROOT}.4.8323329.{number}.1517875160.{104700 + number}"


def encode(mask: np.ndarray) -> str:
    """The published encoder's rule: one pixel after the other, down the columns."""
    code, position, start, end = [], 0, -1, 0
    for x in range(mask.shape[1]):
        for y in range(mask.shape[0]):
            if mask[y, x] and start < 0:
                code.append(str(position - end))
                start = position
            elif not mask[y, x] and start >= 0:
                code.append(str(position - start))
                end, start = position, -1
            position += 1
    return " ".join([*code, str(position - start)] if start >= 0 else code)


def region(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def save_film(folder: Path, number: int, pixels: np.ndarray) -> Path:
    """As the originals: study and series folders, CR, one 8-bit channel as baseline JPEG, ages without a unit."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", quality=95)
    film = pydicom.Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID = uid.SecondaryCaptureImageStorage
    film.SOPInstanceUID = image_id(number)
    film.StudyInstanceUID, film.SeriesInstanceUID = f"{ROOT}.2.{number}", f"{ROOT}.3.{number}"
    film.Modality, film.BodyPartExamined, film.ViewPosition, film.ConversionType = "CR", "CHEST", "PA", "WSD"
    film.PatientName = film.PatientID = f"patient-{number}"
    film.PatientSex, film.PatientAge = "F" if number % 2 else "M", str(40 + number)
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.Rows, film.Columns = pixels.shape
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 8, 8, 7, 0
    film.PixelSpacing = ["0.168", "0.168"]
    film.LossyImageCompression = "01"
    film.PixelData = encapsulate([stream.getvalue()])
    film["PixelData"].VR = "OB"
    path = folder / film.StudyInstanceUID / film.SeriesInstanceUID / f"{image_id(number)}.dcm"
    path.parent.mkdir(parents=True)
    film.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def distribution(tmp_path: Path, film: Callable) -> Path:
    """Two images with pneumothorax, one of them in two regions, one without, one that nobody annotated."""
    root = tmp_path / "original"
    for number in range(4):
        save_film(root / "dicom-images-train", number, film(number, SHAPE))
    rows = [
        f"{image_id(0)}, -1",
        f"{image_id(1)}, {encode(region(10, 5, 20, 8))}",
        f"{image_id(1)}, {encode(region(50, 40, 6, 30))}",
        f"{image_id(2)}, {encode(region(0, 0, 3, 2))}",
        f"{image_id(9)}, -1",
    ]
    (root / "train-rle.csv").write_text("ImageId, EncodedPixels\n" + "\n".join(rows) + "\n")
    sample = f"ImageId,EncodedPixels\n{image_id(3)},-1\n"
    (root / "sample_submission.csv").write_text(sample)
    return root


def test_the_published_example_decodes_down_the_columns() -> None:
    # 23 pixels from pixel 387,620 on: column 378, rows 548 to 570; the next run 996 pixels after the end of this one.
    mask = decode_runs("387620 23 996 33 986 43", (1024, 1024))
    assert mask.sum() == 23 + 33 + 43
    assert mask[548:571, 378].all()
    assert np.flatnonzero(mask[:, 378]).tolist() == list(range(548, 571))
    assert np.flatnonzero(mask[:, 379]).tolist() == list(range(543, 576))
    assert np.flatnonzero(mask[:, 380]).tolist() == list(range(538, 581))


@pytest.mark.parametrize("seed", range(4))
def test_any_mask_survives_its_code(seed: int) -> None:
    mask = np.random.default_rng(seed).random((7, 11)) < 0.4
    mask[0, 0], mask[-1, -1] = seed % 2, seed // 2  # runs that begin at the first pixel and end at the last
    np.testing.assert_array_equal(decode_runs(encode(mask), (7, 11)), mask)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("5", "not a run-length code"),
        ("", "not a run-length code"),
        ("1 2 three 4", "not a run-length code"),
        ("1 -2", "not a run-length code"),
        ("1.5 2", "not a run-length code"),
        ("70 8", "78 pixels for an image of 11 x 7"),
    ],
)
def test_codes_that_make_no_sense(code: str, message: str) -> None:
    with pytest.raises(PrepareError, match=message):
        decode_runs(code, (7, 11))


def test_index_images_and_masks(distribution: Path, tmp_path: Path, film: Callable) -> None:
    report = prepare(SIIM, distribution, tmp_path / "data")

    assert (report.images, report.failed) == (3, {})
    assert report.notes == ["1 annotated images are not there", "1 images have no annotation and are left out"]
    table = read_index(tmp_path / "data").set_index("image")
    assert table["pneumothorax"].tolist() == ["0", "1", "1"]
    # Without pneumothorax is not without findings.
    assert table["abnormal"].tolist() == ["", "1", "1"]
    assert table["tb"].tolist() == ["", "", ""]
    assert table["patient_id"].tolist() == ["patient-0", "patient-1", "patient-2"]
    assert table["sex"].tolist() == ["M", "F", "M"]
    assert table["age"].tolist() == ["40", "41", "42"]
    truths = [region(0, 0, 0, 0), region(10, 5, 20, 8) | region(50, 40, 6, 30), region(0, 0, 3, 2)]
    for number, truth in enumerate(truths):
        row = table.loc[f"siim/images/{image_id(number)}.png"]
        pixels = np.asarray(Image.open(tmp_path / "data" / row.name)).astype(int)
        assert pixels.shape == SHAPE
        assert np.abs(pixels - film(number, SHAPE)).mean() < 3  # baseline JPEG
        mask = np.asarray(Image.open(tmp_path / "data" / row["lesion_mask"]))
        np.testing.assert_array_equal(mask, truth * np.uint8(255))


def test_the_later_table_counts_alone(distribution: Path) -> None:
    (distribution / "stage_2_train.csv").write_text(
        f"ImageId,EncodedPixels\n{image_id(0)},0 5\n{image_id(3)},-1\n{image_id(3)},3 4\n"
    )
    inventory = find_siim(distribution)
    assert [(record.name, record.values["pneumothorax"]) for record in inventory.records] == [
        (image_id(0), "1"),
        (image_id(3), "1"),
    ]
    assert inventory.notes[0] == f"{image_id(3)}: annotated as empty and as not; taken as not empty"


def test_a_damaged_film_and_a_damaged_code_stop_nothing(distribution: Path, tmp_path: Path) -> None:
    (damaged,) = distribution.rglob(f"{image_id(0)}.dcm")
    damaged.write_bytes(damaged.read_bytes()[:700])
    table = distribution / "train-rle.csv"
    table.write_text(table.read_text().replace(f"{image_id(2)}, ", f"{image_id(2)}, 99999 "))

    report = prepare(SIIM, distribution, tmp_path / "data")

    assert set(report.failed) == {f"{image_id(0)}.dcm", f"{image_id(2)}.dcm"}
    assert "run-length code" in report.failed[f"{image_id(2)}.dcm"]
    assert read_index(tmp_path / "data")["patient_id"].tolist() == ["patient-1"]


def test_folders_without_the_data_set(distribution: Path, tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match="expected stage_2_train"):
        find_siim(tmp_path / "original" / "dicom-images-train")
    (distribution / "train-rle.csv").write_text("ImageId,Mask\nx,-1\n")
    with pytest.raises(PrepareError, match="columns ImageId and EncodedPixels are needed, found ImageId, Mask"):
        find_siim(distribution)
    (distribution / "train-rle.csv").write_text(f"ImageId,EncodedPixels\n{image_id(8)},-1\n")
    with pytest.raises(PrepareError, match="none of the 1 annotated images"):
        find_siim(distribution)
