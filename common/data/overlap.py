"""Pictures that occur twice: in two lists, two splits or two data sets.

Two stages. A perceptual hash picks candidate pairs: at the default distance about 0.2 % of pairs of different
radiographs remain. The second stage correlates the locally normalised 128 x 128 pictures over small shifts and scales.

Measured on 1.8 million pairs from six institutions and on 150 films altered in 14 ways: different patients stay below
0.53. The same picture reaches 0.8 or more after re-encoding, resizing, gamma, equalisation, inversion, a border, a
rotation of 1° or a crop of up to 2 % a side, and at least 0.67 after larger or one-sided crops, of which the hash
misses 3 % at 4 % a side. Two films of one patient in nearly the same position lie between. Mirrored pictures are not
found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from PIL import Image
from scipy.fft import irfft2, rfft2

from ..errors import UsageError
from .signature import HASH_BITS, THUMB_SIDE, Signature, local_contrast

Kind = Literal["identical", "same picture", "similar"]

#: Correlation from which two pictures are taken for one and the same.
SAME_PICTURE = 0.8
#: Correlation from which two pictures are reported as similar: probably two films of one patient.
SIMILAR = 0.55
#: Differing bits of the hash up to which a pair is looked at closely.
MAX_DISTANCE = 89

_SCALES = (1.0, 0.98, 0.96, 0.94, 0.92, 1 / 0.98, 1 / 0.96, 1 / 0.94, 1 / 0.92)
_STEPS = (0.985, 0.99, 0.995, 1.005, 1.01, 1.015)
_PROMISING = 0.45
_MAX_SHIFT = 8
_MARGIN = 8
_SIGMA = 2.0
_BLOCK = 4096
_NAME_PREFIXES = (("MCUCXR_", "montgomery"), ("CHNCXR_", "shenzhen"), ("JPCLN", "jsrt"), ("JPCNN", "jsrt"))
_EXTRA_FOLDERS = (("montgomery", "montgomery"), ("shenzhen", "shenzhen"), ("da", "india_da"), ("db", "india_da"))
_WINDOW = np.outer(np.hanning(THUMB_SIDE), np.hanning(THUMB_SIDE)).astype(np.float32)


@dataclass(frozen=True)
class Overlap:
    """Two pictures that are the same or nearly so.

    Attributes:
        first: position in the first list.
        second: position in the second list, or in the first when there was only one.
        kind: ``identical`` pixels, the ``same picture`` in another encoding, or ``similar``.
        correlation: of the aligned pictures, 1 for identical ones.
    """

    first: int
    second: int
    kind: Kind
    correlation: float


def find_overlaps(
    first: Sequence[Signature],
    second: Sequence[Signature] | None = None,
    *,
    max_distance: int = MAX_DISTANCE,
    minimum: float = SIMILAR,
) -> list[Overlap]:
    """Pairs of pictures that are the same or nearly so.

    Args:
        first: fingerprints of one list, by :func:`common.data.signature.signature`.
        second: fingerprints of another list; without it, pairs within ``first``.
        max_distance: differing bits of the 255-bit hash up to which a pair is examined. The time grows with the number
            of such pairs, about 1.5 ms each; above some ten thousand pictures a smaller value, such as 60, keeps it
            bearable at the price of cropped copies.
        minimum: correlation below which a pair is not reported.

    Returns:
        Overlaps in the order of ``first``.

    Raises:
        UsageError: ``max_distance`` outside 0 to 255.
    """
    if not 0 <= max_distance <= HASH_BITS:
        raise UsageError(f"max_distance must lie in 0 to {HASH_BITS}, got {max_distance}")
    others = first if second is None else second
    spectra: dict[int, np.ndarray] = {}
    found = []
    for i, partners in _candidates(first, second, max_distance):
        zoomed: np.ndarray | None = None
        for j in partners:
            if first[i].digest == others[j].digest:
                found.append(Overlap(i, j, "identical", 1.0))
                continue
            if zoomed is None:
                zoomed = np.stack([_spectrum(_zoom(first[i].thumb, scale)) for scale in _SCALES])
            if j not in spectra:
                spectra[j] = _spectrum(others[j].thumb)
            value, scale = _best_correlation(zoomed, spectra[j], _SCALES)
            if _PROMISING <= value < SAME_PICTURE:
                # Between two of the coarse scales a true copy loses a tenth of its correlation.
                finer = [scale * step for step in _STEPS]
                refined = np.stack([_spectrum(_zoom(first[i].thumb, factor)) for factor in finer])
                value = max(value, _best_correlation(refined, spectra[j], finer)[0])
            if value >= minimum:
                found.append(Overlap(i, j, "same picture" if value >= SAME_PICTURE else "similar", value))
    return found


def foreign_origin(path: str) -> str | None:
    """Data set that a file's name or folder betrays as its origin, if it is one that other collections re-publish.

    TBX11K, for one, keeps Montgomery, Shenzhen, DA and DB images under ``imgs/extra`` and names them in its "all"
    lists: whoever trains on such a list and tests on one of these sets tests on training images.

    Args:
        path: path or name of an image file.

    Returns:
        ``montgomery``, ``shenzhen``, ``jsrt``, ``india_da``, or None.
    """
    pure = PurePosixPath(path.replace("\\", "/"))
    for prefix, origin in _NAME_PREFIXES:
        if pure.stem.upper().startswith(prefix):
            return origin
    folders = [part.lower() for part in pure.parts[:-1]]
    if "extra" in folders:
        inside = folders[folders.index("extra") + 1 :]
        for mark, origin in _EXTRA_FOLDERS:
            if any(part == mark or part.startswith(f"{mark}+") for part in inside):
                return origin
    return None


def _candidates(
    first: Sequence[Signature], second: Sequence[Signature] | None, max_distance: int
) -> Iterator[tuple[int, list[int]]]:
    """Positions in ``first`` with those in the other list whose hash is near, or near to its inverse."""
    rows = _hash_matrix(first)
    columns = rows if second is None else _hash_matrix(second)
    limit = HASH_BITS - 2 * max_distance
    for start in range(0, len(rows), _BLOCK):
        block: dict[int, list[int]] = defaultdict(list)
        for offset in range(0, len(columns), _BLOCK):
            agreement = rows[start : start + _BLOCK] @ columns[offset : offset + _BLOCK].T
            for i, j in zip(*np.nonzero(np.abs(agreement) >= limit), strict=True):
                if second is not None or offset + j > start + i:
                    block[start + int(i)].append(offset + int(j))
        yield from sorted(block.items())


def _hash_matrix(signatures: Sequence[Signature]) -> np.ndarray:
    return np.stack([item.bits for item in signatures]).astype(np.float32) if signatures else np.empty((0, HASH_BITS))


def _zoom(thumb: np.ndarray, scale: float) -> np.ndarray:
    """The centre of a picture enlarged (scale < 1) or the picture reduced within its own edge values (scale > 1)."""
    if scale == 1.0:
        return thumb
    padded = Image.fromarray(np.pad(thumb, _MARGIN, mode="edge"))
    inset = _MARGIN + THUMB_SIDE * (1 - scale) / 2
    corner = padded.width - inset
    return np.asarray(padded.resize(thumb.shape, Image.Resampling.BILINEAR, box=(inset, inset, corner, corner)))


def _spectrum(thumb: np.ndarray) -> np.ndarray:
    values = local_contrast(thumb, sigma=_SIGMA) * _WINDOW
    values = values - values.mean()
    return rfft2(values / (np.linalg.norm(values) + np.finfo(np.float32).tiny))


def _best_correlation(zoomed: np.ndarray, other: np.ndarray, scales: Sequence[float]) -> tuple[float, float]:
    """Largest correlation, of either sign, over all scales and shifts of up to 8 pixels, and its scale."""
    surface = np.abs(irfft2(zoomed * np.conj(other), s=(THUMB_SIDE, THUMB_SIDE)))
    near = np.r_[-_MAX_SHIFT : _MAX_SHIFT + 1]
    best = surface[:, near][:, :, near].max(axis=(1, 2))
    return float(best.max()), scales[int(best.argmax())]
