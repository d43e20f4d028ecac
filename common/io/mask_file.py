"""Reading binary masks from files, the one way for training, evaluation and data tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..errors import UsageError
from .errors import RadiographError
from .formats import NIFTI_SUFFIXES, sniff
from .nifti import decode_nifti


class PictureError(ValueError):
    """A picture file that cannot be used; the message names the file and the reason."""


class MaskFileError(UsageError):
    """A mask file that is missing, unreadable or not a binary mask; the message is one line that names the file."""


def read_binary_mask(path: Path) -> NDArray[np.bool_]:
    """Read a binary mask from a picture or a NIfTI file.

    A NIfTI mask is turned upright by its affine as a radiograph is, see :func:`common.io.nifti.decode_nifti`.

    Args:
        path: a file with one value beside zero (0/255, 0/1 or 1-bit).

    Returns:
        Boolean array of shape [rows, columns], true inside the mask.

    Raises:
        MaskFileError: no such file, not readable, or with several values beside zero (a probability map, say).
    """
    try:
        pixels = _read_nifti(path) if path.name.lower().endswith(NIFTI_SUFFIXES) else read_mask(path)
    except (PictureError, RadiographError) as error:
        raise MaskFileError(str(error)) from error
    except OSError as error:
        raise MaskFileError(f"{path}: {error.strerror or error}") from error
    inside = pixels != 0
    if inside.any() and pixels[inside].min() != pixels.max():
        raise MaskFileError(f"{path}: {len(np.unique(pixels))} different values; a mask has zero and one other")
    return inside


def read_union(paths: Sequence[Path]) -> NDArray[np.bool_]:
    """Read masks of one image, such as right and left lung, and unite them.

    Raises:
        MaskFileError: see :func:`read_binary_mask`; or the masks differ in size.
    """
    union = read_binary_mask(paths[0])
    for path in paths[1:]:
        part = read_binary_mask(path)
        if part.shape != union.shape:
            raise MaskFileError(f"{path}: {size_text(part)}, but {paths[0]} of the same image {size_text(union)}")
        union |= part
    return union


def read_mask(path: str | Path) -> np.ndarray:
    """Values of a mask picture as stored.

    A mask may be empty or of one value, which the reader of radiographs refuses. Palettes and colour channels are
    reduced to grey, so that a mask saved as a colour picture reads as what a viewer shows.

    Args:
        path: PNG, GIF, TIFF, BMP or any other single picture.

    Returns:
        Array of shape (rows, columns), uint8 or wider.

    Raises:
        PictureError: missing, damaged, or not a picture.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode in ("L", "I", "F") or picture.mode.startswith("I;16"):
                return np.asarray(picture)
            if picture.mode == "1":
                return np.asarray(picture).astype(np.uint8) * 255
            return np.asarray(picture.convert("RGB").convert("L"))
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        raise PictureError(f"{path}: not a picture") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PictureError(f"{path}: damaged picture ({error})") from error


def size_text(mask: NDArray[np.bool_]) -> str:
    """Size as people write it: columns x rows."""
    return f"{mask.shape[1]} x {mask.shape[0]} pixels"


def _read_nifti(path: Path) -> NDArray[np.float32]:
    with path.open("rb") as stream:
        if sniff(stream) != "nifti":
            raise MaskFileError(f"{path}: not a NIfTI file")
        try:
            return np.asarray(decode_nifti(path, stream).pixels, dtype=np.float32).T
        except RadiographError:
            raise
        except Exception as error:  # a broken file may lead nibabel to any error at all
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise MaskFileError(f"{path}: a truncated or damaged NIfTI file ({first})") from error
