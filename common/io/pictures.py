"""Radiographs stored as PNG, JPEG or TIFF pictures."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import SimpleITK as sitk
from PIL import Image
from PIL import ImageChops
from PIL import ImageFile
from PIL import ImageOps

from .errors import RadiographError
from .radiograph import Radiograph

# Chroma is stored coarsely in JPEG, so that a grey picture saved as colour comes back with slightly unequal channels.
CHANNEL_TOLERANCE = 12 / 255
# A coloured side marker or a burnt-in arrow is tolerated up to this share of the pixels.
COLOURED_SHARE = 0.01

_WHITE_IS_ZERO = 0
_TIFF_PHOTOMETRIC = 262
_TIFF_BITS = 258


def decode_picture(path: Path, stream: BinaryIO, kind: str) -> Radiograph:
    """Decode a PNG, JPEG or TIFF.

    The EXIF orientation is honoured: the pixels come upright as every viewer shows them. The resolution tags of these
    formats state the size of a print, not of the patient, and are therefore not taken for a pixel spacing.

    Args:
        path: the file, for messages.
        stream: the file, opened for reading in binary mode, at its start.
        kind: ``png``, ``jpeg`` or ``tiff``.

    Returns:
        The radiograph.

    Raises:
        RadiographError: the file is damaged, has several frames or is a colour picture.
    """
    # Other packages switch this on for the whole process; a padded radiograph must never pass for a complete one.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(stream, formats=[kind.upper()]) as picture:
            frames = getattr(picture, "n_frames", 1)
            if frames > 1:
                raise RadiographError.refuse(path, f"{frames} frames in one file")
            if _channel_bits(picture) == 16 and len(picture.getbands()) > 1:
                grey = _agreeing_channels(path, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
            else:
                grey = _to_grey(path, ImageOps.exif_transpose(picture))
    except RadiographError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, Image.DecompressionBombError) as error:
        raise RadiographError.refuse(path, f"truncated or damaged {kind.upper()} file ({error})") from error
    return Radiograph(pixels=grey.T.astype(np.float32, order="C"), kind=kind)


def _channel_bits(picture: Image.Image) -> int:
    return 8


def _to_grey(path: Path, picture: Image.Image) -> np.ndarray:
    if picture.mode in ("L", "I", "F", "1") or picture.mode.startswith("I;16"):
        return np.asarray(picture)
    colour = picture.convert("RGBA")
    red, green, blue, alpha = colour.split()
    spread = ImageChops.lighter(ImageChops.difference(red, green), ImageChops.difference(green, blue))
    spread = ImageChops.lighter(spread, ImageChops.difference(red, blue))
    coloured = sum(spread.histogram()[int(CHANNEL_TOLERANCE * 255) + 1 :])
    if coloured > COLOURED_SHARE * picture.width * picture.height:
        raise RadiographError.refuse(path, "a colour picture")
    return np.asarray(colour.convert("RGB").convert("L"))


def _agreeing_channels(path: Path, channels: np.ndarray) -> np.ndarray:
    return channels[..., 0]
