"""From path lengths to the grey levels of a film: exposure, display and what is printed on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

#: Attenuation per mm near 70 keV, the mean energy of a chest exposure.
MU_SOFT, MU_BONE = 0.0195, 0.052


@dataclass(frozen=True)
class FilmStyle:
    """How a site's radiographs look.

    Attributes:
        exposure: quanta a pixel without a patient; less is noisier.
        scatter: scattered radiation relative to the primary.
        shoulder: bend of the display curve, above 0; a larger one brightens the film and flattens its bright parts.
        detail: strength of local contrast enhancement.
        black: attenuation (natural logarithm) that becomes black; air attenuates least.
        white: percentile of the film's attenuation that becomes white.
        border: empty margins (left, top, right, bottom) as fractions of the film.
        border_level: grey level of the margins in [0, 1].
        marker: text on the film, empty for none.
        blur: sharpness of the system, standard deviation in pixels.
    """

    exposure: float = 4e4
    scatter: float = 0.45
    shoulder: float = 1.0
    detail: float = 0.5
    black: float = 0.7
    white: float = 99.0
    border: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    border_level: float = 0.0
    marker: str = "R"
    blur: float = 0.6


def expose(soft: np.ndarray, bone: np.ndarray, pixel: float, style: FilmStyle) -> np.ndarray:
    """Detector signal, 1 without a patient, of path lengths in mm on pixels of `pixel` mm."""
    primary = np.exp(-MU_SOFT * soft - MU_BONE * bone)
    scattered = _wide_blur(primary, 30 / pixel)
    return primary + style.scatter * scattered


def display(signal: np.ndarray, pixel: float, style: FilmStyle, rng: np.random.Generator) -> np.ndarray:
    """Grey levels in [0, 1], bone bright, of a detector signal."""
    noisy = signal + np.sqrt(signal / style.exposure) * rng.standard_normal(signal.shape, dtype=np.float32)
    density = -np.log(np.maximum(noisy, 1e-4))
    if style.blur:
        density = ndimage.gaussian_filter(density, style.blur, truncate=3)
    density = density + style.detail * (density - _wide_blur(density, 12 / pixel))
    white = np.percentile(density[::4, ::4], style.white)
    linear = np.clip((density - style.black) / (white - style.black), 0, 1)
    grey: np.ndarray = np.expm1(-style.shoulder * linear) / np.expm1(-style.shoulder)
    return grey


def finish(grey: np.ndarray, style: FilmStyle, rng: np.random.Generator) -> np.ndarray:
    """Add margins and markers to grey levels in [0, 1]."""
    rows, columns = grey.shape
    left, top, right, bottom = style.border
    r0, r1 = round(top * rows), rows - round(bottom * rows)
    c0, c1 = round(left * columns), columns - round(right * columns)
    out = np.full_like(grey, style.border_level)
    out[r0:r1, c0:c1] = grey[r0:r1, c0:c1]
    if style.marker:
        font = ImageFont.load_default(size=max(8, round(0.045 * rows)))
        layer = Image.new("L", (columns, rows))
        at = (c0 + rng.uniform(0.02, 0.06) * (c1 - c0), r0 + rng.uniform(0.02, 0.08) * (r1 - r0))
        if style.marker.startswith("L"):
            at = (c1 - rng.uniform(0.10, 0.14) * (c1 - c0), at[1])
        ImageDraw.Draw(layer).text(at, style.marker, fill=255, font=font)
        out = np.maximum(out, np.asarray(layer, dtype=np.float32) / 255)
    return out


def _wide_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur by a wide kernel (sigma in pixels), computed on a coarse copy."""
    factor = max(1, int(sigma // 4))
    size = (max(1, image.shape[1] // factor), max(1, image.shape[0] // factor))
    coarse = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    coarse = ndimage.gaussian_filter(coarse, sigma / factor, mode="nearest", truncate=3)
    return np.asarray(Image.fromarray(coarse).resize(image.shape[::-1], Image.Resampling.BICUBIC))
