"""What a DICOM file says about how its values are to be seen: LUTs, windows, polarity, padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from radiograph_files import dicom_dataset, phantom, rows_of, save_dicom


@pytest.mark.parametrize("shape", ["IDENTITY", "INVERSE"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_presentation_lut_shape(tmp_path: Path, photometric: str, shape: str) -> None:
    """INVERSE beside MONOCHROME1 says the same thing again and does not undo it."""
    pixels = phantom(12, np.uint16)
    tags = {"PhotometricInterpretation": photometric, "PresentationLUTShape": shape}
    decoded = rows_of(save_dicom(tmp_path / "a.dcm", dicom_dataset(pixels, bits=12, **tags)))
    upside = photometric == "MONOCHROME1" or shape == "INVERSE"
    np.testing.assert_array_equal(decoded, 4095 - pixels.astype(int) if upside else pixels)


def expected_window(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, sample by sample, scaled to 12 bits."""
    out = np.empty(values.shape)
    for place, x in np.ndenumerate(values):
        if function == "SIGMOID":
            out[place] = 4095 / (1 + np.exp(-4 * (x - centre) / width))
        elif function == "LINEAR_EXACT":
            low, high = centre - width / 2, centre + width / 2
            out[place] = 0 if x <= low else 4095 if x > high else ((x - centre) / width + 0.5) * 4095
        else:
            low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
            out[place] = 0 if x <= low else 4095 if x > high else ((x - (centre - 0.5)) / (width - 1) + 0.5) * 4095
    return out


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
@pytest.mark.parametrize("rescale", [None, (2.0, -1000.0), (-1.0, 4095.0)])
def test_windows(tmp_path: Path, function: str | None, rescale: tuple[float, float] | None) -> None:
    pixels = phantom(12, np.uint16)
    tags: dict[str, object] = {"WindowCenter": [1800, 40], "WindowWidth": [1500, 400]}
    if function:
        tags["VOILUTFunction"] = function
    slope, intercept = rescale or (1.0, 0.0)
    if rescale:
        tags |= {"RescaleSlope": slope, "RescaleIntercept": intercept}
    decoded = rows_of(save_dicom(tmp_path / "a.dcm", dicom_dataset(pixels, bits=12, **tags)))
    expected = expected_window(pixels * slope + intercept, 1800, 1500, function or "LINEAR")
    np.testing.assert_allclose(decoded, expected, atol=1e-3)


@pytest.mark.parametrize(("centre", "width"), [(2000, 0), (-5000, 10), ("", ""), (2000, 0.5)])
def test_windows_that_show_nothing_are_not_applied(tmp_path: Path, centre: object, width: object) -> None:
    pixels = phantom(12, np.uint16)
    dataset = dicom_dataset(pixels, bits=12, WindowCenter=centre, WindowWidth=width)
    np.testing.assert_array_equal(rows_of(save_dicom(tmp_path / "a.dcm", dataset)), pixels)


def lut_item(first: int, table: np.ndarray, depth: int, *, signed_first: bool = False) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "SS" if signed_first else "US", [len(table), first, depth])
    item.add_new("LUTData", "OW", table.astype("<u2").tobytes())
    return item


@pytest.mark.parametrize("depth", [8, 12, 16])
def test_voi_lut_goes_before_the_window(tmp_path: Path, depth: int) -> None:
    """Also with 8 bits out of 12, and values below and above the table."""
    pixels = phantom(12, np.uint16)
    table = np.round((2**depth - 1) * np.linspace(0, 1, 2000) ** 2)
    dataset = dicom_dataset(pixels, bits=12, WindowCenter=100, WindowWidth=50)
    dataset.VOILUTSequence = [lut_item(1000, table, depth)]
    decoded = rows_of(save_dicom(tmp_path / "a.dcm", dataset))
    np.testing.assert_array_equal(decoded, table[np.clip(pixels.astype(int) - 1000, 0, 1999)])
    assert pixels.min() < 1000
    assert pixels.max() > 3000


def test_modality_lut(tmp_path: Path) -> None:
    pixels = phantom(10, np.uint16)
    table = np.arange(1024)[::-1] * 3
    dataset = dicom_dataset(pixels, bits=10)
    dataset.ModalityLUTSequence = [lut_item(0, table, 16)]
    dataset.ModalityLUTSequence[0].ModalityLUTType = "US"
    np.testing.assert_array_equal(rows_of(save_dicom(tmp_path / "a.dcm", dataset)), table[pixels])


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_becomes_black(tmp_path: Path, photometric: str) -> None:
    pixels = phantom(12, np.int16) - 500
    pixels[:, -8:] = -2000
    pixels[:, -4:] = -1990
    tags = {"PhotometricInterpretation": photometric, "PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1990}
    decoded = rows_of(save_dicom(tmp_path / "a.dcm", dicom_dataset(pixels, **tags)))
    picture = decoded[:, :-8]
    assert (decoded[:, -8:] == picture.min()).all()
    # The grey values of the picture keep their distances: padding does not stretch them.
    assert np.ptp(picture) == np.ptp(pixels[:, :-8])
