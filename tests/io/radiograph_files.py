"""Test radiographs whose every corner differs, as files of all formats."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate

from common.io import RadiographError, RadiographReader

ROWS, COLUMNS = 112, 96
PATIENT = "Featherstonehaugh^Zebulon"


def phantom(bits: int = 8, dtype: type = np.uint8) -> np.ndarray:
    """An F between four different corners, rows by columns, with a gradient that uses every value nearby.

    No turn or reflection maps it to itself, and its grey values fill ``bits`` from a few percent up.
    """
    picture = np.linspace(0.1, 0.3, ROWS)[:, None] + np.linspace(0.0, 0.2, COLUMNS)[None, :]
    picture[:16, :20], picture[:16, -20:], picture[-16:, :20], picture[-16:, -20:] = 0.9, 0.7, 0.55, 0.05
    picture[24:88, 30:38] = picture[24:32, 30:70] = picture[48:56, 30:56] = 1.0
    return np.round(picture * (2**bits - 1)).astype(dtype)


def read(path: Path) -> tuple[np.ndarray, dict]:
    """Pixels as (W, H), and metadata."""
    reader = RadiographReader()
    return reader.get_data(reader.read(path))


def rows_of(path: Path) -> np.ndarray:
    """Pixels as a picture's rows by columns."""
    return read(path)[0].T


def refusal(path: Path) -> str:
    """The message, after the checks that hold for all messages."""
    with pytest.raises(RadiographError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {caught.value.reason}. Accepted: ")
    assert caught.value.reason
    assert "\n" not in message
    assert len(message.removeprefix(str(path))) < 300
    for secret in (*PATIENT.split("^"), "4711", "1.2.826.0.1.3680043.2.1125"):
        assert secret not in message
    return message


def dicom_dataset(pixels: np.ndarray, *, bits: int | None = None, **tags: object) -> pydicom.Dataset:
    """A computed radiograph of a patient with a name, uncompressed; ``tags`` replace or (None) remove."""
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = uid.ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.2.1125.1"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.2.1125.2"
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.2.1125.3"
    dataset.PatientName = PATIENT
    dataset.PatientID = "ID-4711-4711"
    dataset.Modality = "CR"
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else pixels.shape[2]
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def save_dicom(path: Path, dataset: pydicom.Dataset) -> Path:
    # The header repeats the class; a file whose data set has none still needs one there.
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", uid.ComputedRadiographyImageStorage)
    dataset.save_as(path, enforce_file_format=True)
    return path


def with_frame(dataset: pydicom.Dataset, frame: bytes, syntax: str) -> pydicom.Dataset:
    """Put a compressed frame in place of the pixels."""
    dataset.file_meta.TransferSyntaxUID = uid.UID(syntax)
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return dataset


def jpeg(pixels: np.ndarray, **options: object) -> bytes:
    """Baseline JPEG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", quality=97, **options)
    return stream.getvalue()


def lossless_jpeg(pixels: np.ndarray, bits: int) -> bytes:
    """Lossless JPEG, process 14, selection value 1 (ITU-T T.81, H.1), which no package of this project writes.

    Each sample is predicted by its left neighbour, or the one above at the start of a row; the number of bits of the
    difference is coded by a Huffman table of 17 codes of five bits, its value is appended.
    """
    samples = pixels.astype(np.int64)
    predicted = np.empty_like(samples)
    predicted[:, 1:] = samples[:, :-1]
    predicted[1:, 0] = samples[:-1, 0]
    predicted[0, 0] = 2 ** (bits - 1)
    # Differences count modulo 65536; the one of 32768 is coded by its length alone.
    differences = (samples - predicted + 2**15 - 1) % 2**16 - 2**15 + 1
    coded = []
    for difference in differences.ravel().tolist():
        length = abs(difference).bit_length()
        value = difference if difference > 0 else difference + 2**length - 1
        coded.append(f"{length:05b}" + (f"{value:0{length}b}" if 0 < length < 16 else ""))
    stream = "".join(coded)
    stream += "1" * (-len(stream) % 8)
    data = int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\0")

    def segment(marker: int, content: bytes) -> bytes:
        return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content

    rows, columns = (length.to_bytes(2, "big") for length in pixels.shape)
    frame = segment(0xC3, bytes([bits]) + rows + columns + bytes([1, 1, 0x11, 0]))
    table = segment(0xC4, bytes([0]) + bytes([0, 0, 0, 0, 17, *[0] * 11]) + bytes(range(17)))
    scan = segment(0xDA, bytes([1, 1, 0, 1, 0, 0]))
    return b"\xff\xd8" + frame + table + scan + data + b"\xff\xd9"
