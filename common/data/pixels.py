"""Reading and writing the pictures of a data folder as arrays in picture orientation (rows, columns)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image


def read_radiograph(path: str | Path) -> np.ndarray:
    """Grey values of a radiograph, bone bright.

    Args:
        path: any format that :class:`common.io.RadiographReader` reads.

    Returns:
        float32 array of shape (rows, columns) with the file's own values.

    Raises:
        RadiographError: the file is missing, damaged or not a radiograph.
    """
    # Imported here because the reader's decoders take seconds to load and half of the commands never read a picture.
    from ..io import RadiographReader

    reader = RadiographReader()
    pixels, _ = reader.get_data(reader.read(path))
    return np.ascontiguousarray(pixels.T)


def resize(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Squash or stretch a picture with an anti-aliasing filter.

    Args:
        image: values of shape (rows, columns).
        shape: (rows, columns) of the result.

    Returns:
        float32 array.
    """
    values = np.ascontiguousarray(image, dtype=np.float32)
    if values.shape == shape:
        return values
    return np.asarray(Image.fromarray(values).resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def resize_mask(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Squash or stretch a bool mask; a pixel belongs to it when at least half of what it covers does."""
    return resize(mask, shape) >= 0.5


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a PNG in one step: nobody ever finds half a file under ``path``.

    Args:
        path: target; its folder is made.
        image: (rows, columns) of uint8, uint16 or bool (written as 0 and 255).

    Raises:
        ValueError: another type or shape.
    """
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16, np.bool_):
        found = f"{image.dtype} {image.shape}"
        raise ValueError(f"write_png: expected uint8, uint16 or bool of two dimensions, got {found}")
    values = image.astype(np.uint8) * 255 if image.dtype == np.bool_ else image
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        Image.fromarray(values).save(partial, format="PNG")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
