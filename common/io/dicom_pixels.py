"""From the stored values of a DICOM radiograph to the grey values that a reader is meant to see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import get_frame
from pydicom.pixels import apply_color_lut, pixel_array

from .channels import grey_of_channels
from .errors import RadiographError

_JPEG_END = b"\xff\xd9"
_NO_JPEG = ("RLE Lossless",)


def stored_values(path: Path, dataset: pydicom.Dataset) -> np.ndarray:
    """Decode the pixel data of a single-frame file.

    Args:
        path: the file, for the message.
        dataset: its content.

    Returns:
        Rows by columns, or rows by columns by channels.

    Raises:
        RadiographError: the frame is cut short (some decoders fill up what is missing without a word) or broken.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and syntax.name not in _NO_JPEG:
        # All of the JPEG family end in the same marker, at most followed by some padding.
        frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
        if _JPEG_END not in frame[-16:]:
            raise RadiographError.refuse(path, "a DICOM file with truncated pixel data")
    try:
        return pixel_array(dataset)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # the RLE decoder, written in Rust, answers broken data with an error that is no Exception
        # The error itself is left out, for its text may quote the file.
        found = f"a DICOM file whose pixels ({syntax.name}) cannot be decoded: truncated, damaged or without a decoder"
        raise RadiographError.refuse(path, found) from None


def is_inverted(dataset: pydicom.Dataset) -> bool:
    """Whether low values are meant to be shown bright.

    The two tags say the same thing twice: a DX image with MONOCHROME1 must have a Presentation LUT Shape of INVERSE.
    """
    return dataset.PhotometricInterpretation == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"


def shown_values(path: Path, dataset: pydicom.Dataset, stored: np.ndarray) -> np.ndarray:
    """Apply what the file says about how its values are to be seen.

    In this order: modality LUT or rescale, VOI LUT or the first window, polarity; padding becomes black. All of it
    depends on the stored value alone, so it is computed once for each value that can be stored, and looked up.

    A window that leaves a single grey value of a picture that has more is a mistake and is not applied.

    Args:
        path: the file, for the message.
        dataset: the content of the file.
        stored: its stored values, rows by columns (by channels).

    Returns:
        float32 grey values, rows by columns, bone bright.

    Raises:
        RadiographError: a colour picture, or values of more than 16 bits.
    """
    if stored.ndim == 3 or dataset.PhotometricInterpretation == "PALETTE COLOR":
        colours = stored if stored.ndim == 3 else apply_color_lut(stored, dataset)
        return np.asarray(grey_of_channels(path, list(np.moveaxis(colours, -1, 0))), dtype=np.float32)
    if stored.dtype.itemsize > 2:
        raise RadiographError.refuse(path, f"a DICOM file of {8 * stored.dtype.itemsize} bits a pixel", "up to 16 bits")
    limits = _stored_range(dataset)
    low, high = min(limits[0], int(stored.min())), max(limits[1], int(stored.max()))
    levels = _rescaled(dataset, np.arange(low, high + 1))
    table = _windowed(dataset, levels)
    if is_inverted(dataset):
        table, levels = (values.max() + values.min() - values for values in (table, levels))
    index = stored.astype(np.int32) - low if low else stored
    shown = table.astype(np.float32)[index]
    if shown.min() == shown.max():
        shown = levels.astype(np.float32)[index]
    padding = _padding(dataset, stored)
    if padding is not None and not padding.all():
        shown[padding] = shown[~padding].min()
    return shown


def _stored_range(dataset: pydicom.Dataset) -> tuple[int, int]:
    bits = int(dataset.BitsStored)
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dataset.PixelRepresentation else (0, 2**bits - 1)


def _rescaled(dataset: pydicom.Dataset, values: np.ndarray) -> np.ndarray:
    if dataset.get("ModalityLUTSequence"):
        return _look_up(values, dataset.ModalityLUTSequence[0], dataset)
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    return values.astype(np.float64) * float(1 if slope is None else slope) + float(intercept or 0)


def _windowed(dataset: pydicom.Dataset, values: np.ndarray) -> np.ndarray:
    """VOI LUT, or else the first window, on a scale of as many levels as the file has.

    Formulas of DICOM PS3.3, C.11.2. Own ones, because those of pydicom turn the picture over when the rescale slope is
    negative, and cut indices into a VOI LUT of 8 bits down to 8 bits.
    """
    if dataset.get("VOILUTSequence"):
        return _look_up(values, dataset.VOILUTSequence[0], dataset)
    centre, width = (_first(dataset, keyword) for keyword in ("WindowCenter", "WindowWidth"))
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if centre is None or width is None or width <= 0 or (function == "LINEAR" and width < 1):
        return values
    if function == "SIGMOID":
        share = 1 / (1 + np.exp(-4 * (values - centre) / width))
    elif function == "LINEAR_EXACT":
        share = (values - centre) / width + 0.5
    else:
        share = (values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5
    return np.clip(share, 0, 1) * (2 ** int(dataset.BitsStored) - 1)


def _first(dataset: pydicom.Dataset, keyword: str) -> float | None:
    value = dataset.get(keyword)
    if isinstance(value, pydicom.multival.MultiValue):
        value = value[0] if value else None
    return None if value in (None, "") else float(value)


def _look_up(values: np.ndarray, item: pydicom.Dataset, dataset: pydicom.Dataset) -> np.ndarray:
    """Look values up in a LUT of the file; those outside it take its first or last entry."""
    count, first, _ = (int(number) for number in item.LUTDescriptor)
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
        # Entries of 8 bits may be packed one to a byte.
        data = np.frombuffer(data, dtype=np.uint8 if len(data) <= (count or 65536) + 1 else f"{order}u2")
    table = np.asarray(data, dtype=np.float64)[: count or 65536]
    return table[np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)]


def _padding(dataset: pydicom.Dataset, stored: np.ndarray) -> np.ndarray | None:
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return None
    # Written as unsigned by some devices although the pixels are signed, and the other way round.
    limits = np.array([value, dataset.get("PixelPaddingRangeLimit", value)], dtype=np.int64).astype(stored.dtype)
    return (stored >= limits.min()) & (stored <= limits.max())
