"""A fingerprint of a radiograph by which the same picture is found again after re-packaging.

Average, difference and DCT hashes of whole pictures fail on chest radiographs: all thoraces look alike at 8 x 8 pixels,
and different patients share a difference hash. What tells radiographs apart is the fine pattern of ribs and vessels
relative to its surroundings, so everything here is computed on the locally normalised picture.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

#: Side of the small picture that is kept.
THUMB_SIDE = 128
#: Bits of the perceptual hash: the 16 x 16 lowest cosine frequencies without the constant one.
HASH_BITS = 255

_HASH_SIDE = 64
_BORDER_RANGE = 0.03
_FLAT = 0.02


@dataclass(frozen=True)
class Signature:
    """Fingerprint of one picture.

    Attributes:
        digest: SHA-256 of size, type and values of the decoded pixels.
        bits: (255,) int8 of -1 and 1, the perceptual hash.
        thumb: (128, 128) float32, the picture without its uniform borders, squashed.
    """

    digest: str
    bits: np.ndarray
    thumb: np.ndarray


def signature(image: np.ndarray) -> Signature:
    """Fingerprint of a radiograph.

    Args:
        image: grey values of shape (rows, columns) or (W, H), in the same order for all that are compared.

    Raises:
        ValueError: not two-dimensional.
    """
    if image.ndim != 2:
        raise ValueError(f"signature: expected a picture of two dimensions, got shape {image.shape}")
    head = f"{image.shape} {image.dtype.str}".encode()
    digest = hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).hexdigest()
    thumb = shrink(trim_borders(image), THUMB_SIDE)
    spectrum = dctn(local_contrast(shrink(thumb, _HASH_SIDE), sigma=3), norm="ortho")[:16, :16].ravel()[1:]
    return Signature(digest=digest, bits=np.where(spectrum > 0, 1, -1).astype(np.int8), thumb=thumb)


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Squash a picture to ``side`` x ``side`` float32 values by averaging areas."""
    picture = Image.fromarray(np.ascontiguousarray(image, dtype=np.float32))
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX))


def trim_borders(image: np.ndarray) -> np.ndarray:
    """The picture without the outer rows and columns that hold nearly one value only."""
    limit = _BORDER_RANGE * float(np.ptp(image))
    rows = np.flatnonzero(np.ptp(image, axis=1) > limit)
    columns = np.flatnonzero(np.ptp(image, axis=0) > limit)
    if not len(rows) or not len(columns):
        return image
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def local_contrast(image: np.ndarray, sigma: float) -> np.ndarray:
    """Deviation from the local mean in units of the local standard deviation.

    It undoes windowing, gamma, histogram equalisation and exposure; inverting a picture only changes its sign.

    Args:
        image: float32 values of two dimensions.
        sigma: width of the neighbourhood in pixels.
    """
    deviation = image - gaussian_filter(image, sigma, mode="nearest")
    spread = np.sqrt(gaussian_filter(deviation**2, sigma, mode="nearest"))
    # The constant keeps the noise of flat regions (black borders, air) from being blown up to the size of ribs.
    return deviation / (spread + _FLAT * float(np.ptp(image)) + np.finfo(np.float32).tiny)
