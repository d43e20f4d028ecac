"""Radiographs stored as PNG or JPEG, and what they share with TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import SimpleITK
from PIL import ExifTags, Image, ImageFile

from .channels import grey_of_channels
from .errors import RadiographError
from .radiograph import Radiograph

# Offsets of bit depth and colour type in a PNG, whose header comes first by the standard.
_PNG_DEPTH = 24
_PNG_COLOUR_TYPE = 25
_PNG_GREY = 0
_PNG_GREY_ALPHA = 4

# EXIF orientation -> (rows and columns change places first, then rows are reversed, then columns are reversed).
_UPRIGHT = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def decode_picture(path: Path, stream: BinaryIO, kind: str) -> Radiograph:
    """Decode a PNG or a JPEG.

    The EXIF orientation is honoured: the pixels come upright, as viewers show them, and masks are written that way.
    The resolution tags of these formats give the size of a print, not of the patient: they are no pixel spacing.

    Args:
        path: the file.
        stream: the same file, opened for reading in binary mode, at its start.
        kind: ``png`` or ``jpeg``.

    Returns:
        The radiograph.

    Raises:
        RadiographError: the file has several frames or is a colour picture.
        Exception: whatever Pillow raises for a file that is cut short or broken.
    """
    head = stream.read(_PNG_COLOUR_TYPE + 1)
    stream.seek(0)
    with Image.open(stream, formats=[kind.upper()]) as picture:
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            raise RadiographError.refuse(path, f"a {kind.upper()} with {frames} frames")
        grey = grey_of_picture(path, picture)
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    if kind == "png" and head[_PNG_DEPTH] == 16 and head[_PNG_COLOUR_TYPE] != _PNG_GREY:
        grey = _grey_of_deep_png(path, colour_type=head[_PNG_COLOUR_TYPE])
    return Radiograph(pixels=upright(grey, orientation).T)


def grey_of_picture(path: Path, picture: Image.Image) -> np.ndarray:
    """Decode all pixels of an opened picture.

    Args:
        path: the file, for messages.
        picture: the picture, of any mode.

    Returns:
        Grey values, rows by columns.

    Raises:
        RadiographError: it is a colour picture.
    """
    # Other packages set this for the whole process; a radiograph filled up with grey must not pass for a whole one.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    picture.load()
    if picture.mode in ("1", "L", "I", "F") or picture.mode.startswith("I;16"):
        return np.asarray(picture)
    transparent = picture.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in picture.info
    colour = picture.convert("RGBA" if transparent else "RGB")
    return grey_of_channels(path, [np.asarray(channel) for channel in colour.split()])


def upright(rows: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror as the EXIF orientation asks.

    Args:
        rows: rows by columns, as stored.
        orientation: EXIF orientation, 1 to 8; anything else counts as 1.

    Returns:
        Rows by columns, as shown; a view where possible.
    """
    swap, flip_rows, flip_columns = _UPRIGHT.get(orientation, (False, False, False))
    shown = rows.T if swap else rows
    return shown[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def _grey_of_deep_png(path: Path, *, colour_type: int) -> np.ndarray:
    """Decode a PNG with several channels of 16 bits, of which Pillow keeps only the upper eight."""
    if colour_type == _PNG_GREY_ALPHA:
        raise RadiographError.refuse(path, "a PNG of 16 bits with transparency", "PNG of 16 bits without transparency")
    try:
        pixels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path), imageIO="PNGImageIO"))
    except RuntimeError as error:
        # Its text is about places in the source code of ITK.
        raise RadiographError.damaged(path, "PNG", "its pixels cannot be decoded") from error
    return grey_of_channels(path, list(np.moveaxis(pixels, -1, 0)))
