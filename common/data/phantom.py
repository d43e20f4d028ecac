"""Radiograph phantoms: drawn frontal chest radiographs with exact lung masks, lesion masks and boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from skimage.measure import label

from ..errors import UsageError
from . import phantom_tissue as tissue
from .phantom_anatomy import Body
from .phantom_film import FilmStyle, display, expose, finish
from .phantom_frame import Frame, Warp
from .phantom_lesions import lesion_tissue

#: Longest side of the grid on which tissue is computed. Larger films are interpolated from it, which costs less than
#: it loses: the anatomy holds nothing finer.
_WORKING_SIDE = 768
#: Deformation of the body, mm.
_WARP = 5.0


@dataclass(frozen=True)
class Phantom:
    """One drawn radiograph. All arrays are pictures of rows x columns, upright, the patient's right on the left.

    Attributes:
        image: grey levels, uint8 or uint16, bone bright (MONOCHROME2), full range of the type.
        right_lung: exact mask of the patient's right lung, bool; the lung behind heart and diaphragm is left out.
        left_lung: exact mask of the patient's left lung, bool.
        lesions: mask of the lesions, bool.
        boxes: one dictionary a lesion: "label" ("active" or "latent") and "xywh" in pixels, origin top left.
        body: the patient.
        pixel: size of a pixel, mm.
    """

    image: np.ndarray
    right_lung: np.ndarray
    left_lung: np.ndarray
    lesions: np.ndarray
    boxes: list[dict[str, object]]
    body: Body
    pixel: float

    @property
    def lungs(self) -> np.ndarray:
        """Mask of both lungs, bool."""
        return self.right_lung | self.left_lung


def radiograph_phantom(
    size: tuple[int, int] = (512, 512),
    *,
    seed: int = 0,
    lesions: int = 0,
    style: FilmStyle | None = None,
    sex: str | None = None,
    bits: int = 8,
) -> Phantom:
    """Draw a frontal chest radiograph.

    The picture is computed as an X-ray image is made: path lengths of soft tissue, bone and air, exponential
    attenuation, scatter, quantum noise, logarithm, display curve. The same arguments give the same picture.

    Args:
        size: rows and columns, at least 64 each.
        seed: number of the patient; it decides anatomy, position and noise.
        lesions: number of lesions in the lungs.
        style: look of the site; the default has neither margins nor excessive noise.
        sex: "F" or "M"; drawn by default.
        bits: 8 or 16 bits a pixel.

    Raises:
        UsageError: a size below 64, a negative number of lesions, or bits other than 8 and 16.
    """
    if min(size) < 64:
        raise UsageError(f"radiograph_phantom: size must be at least 64 x 64 pixels, got {size[0]} x {size[1]}")
    if lesions < 0:
        raise UsageError(f"radiograph_phantom: lesions must not be negative, got {lesions}")
    if bits not in (8, 16):
        raise UsageError(f"radiograph_phantom: bits must be 8 or 16, got {bits}")
    style = style or FilmStyle()
    rng = np.random.default_rng(seed)
    body = Body.sample(rng, sex)
    film = _position(body, size, style, rng)
    lungs = [_lung(body, film, side) for side in (-1, 1)]

    shrink = min(1.0, _WORKING_SIDE / max(size))
    frame = film.scaled((round(size[0] * shrink), round(size[1] * shrink)))
    x, y = frame.coordinates()
    same = frame.shape == film.shape
    inside = lungs if same else [_lung(body, frame, side) for side in (-1, 1)]
    visible = inside[0] | inside[1]
    air = tissue.lung_air(body, frame, x, y, visible)
    soft = tissue.soft_tissue(body, x, y)
    soft += tissue.breasts(body, x, y)
    soft += np.clip(soft, 0, 100) * 0.02 * tissue.texture(frame, rng, (18.0, 7.0))
    aerated = np.clip(air / 40, 0, 1)
    soft += aerated * (tissue.vessels(body, frame, x, y, rng) + 2.0 * tissue.texture(frame, rng, (2.2, 4.5)))
    found = lesion_tissue(body, frame, x, y, inside, lesions, rng)
    soft += found.thickness
    soft -= (1 - tissue.LUNG_DENSITY) * air + tissue.airways_and_stomach(body, x, y, rng)
    signal = expose(np.clip(soft, 0, None), tissue.bone(body, frame, x, y), frame.pixel, style)
    if not same:
        signal = np.asarray(Image.fromarray(signal).resize(size[::-1], Image.Resampling.BICUBIC))
    grey = finish(display(signal, film.pixel, style, rng), style, rng)
    white = 2**bits - 1
    masks = [_enlarge(mask, size) & (lungs[0] | lungs[1]) for mask in found.masks]
    return Phantom(
        image=(grey * white).round().astype(np.uint8 if bits == 8 else np.uint16),
        right_lung=lungs[0],
        left_lung=lungs[1],
        lesions=np.any([np.zeros(size, dtype=bool), *masks], axis=0),
        boxes=[{"label": kind, "xywh": _box(mask)} for kind, mask in zip(found.labels, masks, strict=True)],
        body=body,
        pixel=film.pixel,
    )


def _position(body: Body, size: tuple[int, int], style: FilmStyle, rng: np.random.Generator) -> Frame:
    """Lay the body on the exposed part of the film so that both lungs are on it."""
    left, top, right, bottom = style.border
    rows, columns = size[0] * (1 - top - bottom), size[1] * (1 - left - right)
    pixel = max(2 * body.half_width / (rng.uniform(0.76, 0.86) * columns), body.height / (rng.uniform(0.7, 0.8) * rows))
    apex = size[0] * top + rows * rng.uniform(0.08, 0.12)
    middle = size[1] * left + columns * (0.5 + rng.normal(0, 0.015))
    return Frame(size, pixel, (apex, middle), float(rng.normal(0, 0.02)), Warp.sample(rng, _WARP))


def _lung(body: Body, frame: Frame, side: int) -> np.ndarray:
    """Mask of a lung in one piece: the costophrenic angle is too sharp for some pixel grids."""
    parts = label(frame.fill(body.lung_outline(side)), connectivity=1)
    mask: np.ndarray = parts == np.bincount(parts[parts > 0]).argmax()
    return mask


def _enlarge(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if mask.shape == size:
        return mask
    return np.asarray(Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST))


def _box(mask: np.ndarray) -> list[int]:
    """[x, y, w, h] of a mask of rows x columns."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    return [int(columns[0]), int(rows[0]), int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1]
