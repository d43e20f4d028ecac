"""Fully connected conditional random field for label maps (Krähenbühl and Koltun, NeurIPS 2011)."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import softmax

from ..errors import UsageError
from .bilateral_grid import BilateralGrid

#: ``pydensecrf``: the published implementation (package pydensecrf2, the extra "crf"). ``grid``: the same mean field
#: with sums on a bilateral grid, which needs no further package. ``auto``: the first one where it is installed.
ENGINES = ("auto", "pydensecrf", "grid")
PACKAGE = "pydensecrf"

Sums = Callable[[NDArray[np.floating]], NDArray[np.float32]]


@dataclass(frozen=True)
class CRFSettings:
    """Potentials and iterations; the defaults are those of IRNet's code, for maps of labels.

    Attributes:
        confidence: probability that the given label of a pixel is right, between 0 and 1.
        smooth_sigma: standard deviation in pixels of the kernel that looks at places only.
        smooth_weight: its weight.
        colour_place: standard deviation in pixels of the kernel that looks at places and grey levels.
        colour_grey: its standard deviation in grey levels of 0 to 255, for each of three equal channels.
        colour_weight: its weight.
        iterations: of the mean field.
    """

    confidence: float = 0.7
    smooth_sigma: float = 3.0
    smooth_weight: float = 3.0
    colour_place: float = 50.0
    colour_grey: float = 5.0
    colour_weight: float = 10.0
    iterations: int = 10

    def __post_init__(self) -> None:
        sizes = (self.smooth_sigma, self.colour_place, self.colour_grey)
        if not 0 < self.confidence < 1 or min(sizes) <= 0 or self.iterations < 1:
            raise UsageError(f"dense CRF: a confidence in (0, 1), sigmas above 0, iterations from 1 on; got {self}")


def resolve_engine(engine: str) -> str:
    """The engine that a setting stands for here.

    Raises:
        UsageError: an unknown engine, or the package is wanted and not installed.
    """
    if engine not in ENGINES:
        raise UsageError(f"dense CRF engine {engine!r}: choose one of {', '.join(ENGINES)}")
    installed = importlib.util.find_spec(PACKAGE) is not None
    if engine == "pydensecrf" and not installed:
        raise UsageError("dense CRF engine 'pydensecrf' is not installed: pip install pydensecrf2, or take 'grid'")
    return ("pydensecrf" if installed else "grid") if engine == "auto" else engine


def dense_crf(
    image: NDArray[np.uint8],
    labels: NDArray[np.integer],
    classes: int,
    settings: CRFSettings | None = None,
    engine: str = "auto",
) -> NDArray[np.float32]:
    """Posterior of each class at each pixel, from a map of uncertain labels and the image.

    Args:
        image: grey levels, uint8, shape [W, H].
        labels: shape [W, H], values 0 to ``classes`` - 1.
        classes: number of classes, background included; 2 or more.
        settings: potentials; those of IRNet's code by default.
        engine: one of :data:`ENGINES`.

    Returns:
        Shape [classes, W, H], sums to 1 over the classes.

    Raises:
        UsageError: an unknown engine or one that is not installed, shapes that differ, or labels out of range.
    """
    if image.ndim != 2 or image.shape != labels.shape or image.dtype != np.uint8:
        raise UsageError(f"dense CRF: a uint8 image [W, H] is needed, got {image.dtype} {image.shape}")
    if classes < 2 or labels.min() < 0 or labels.max() >= classes:
        found = f"{labels.min()} to {labels.max()}"
        raise UsageError(f"dense CRF: labels below the number of classes are needed, found {found} of {classes}")
    settings = settings or CRFSettings()
    unary = np.full((classes, *labels.shape), np.log((1 - settings.confidence) / (classes - 1)), dtype=np.float32)
    np.put_along_axis(unary, labels[None].astype(np.int64), np.log(settings.confidence), axis=0)
    if resolve_engine(engine) == "pydensecrf":
        return _by_package(image, -unary, settings)
    return _by_grid(image, unary, settings)


def _by_package(image: NDArray[np.uint8], energies: NDArray[np.float32], settings: CRFSettings) -> NDArray[np.float32]:
    classes, rows, columns = energies.shape
    field = importlib.import_module(f"{PACKAGE}.densecrf").DenseCRF2D(columns, rows, classes)
    field.setUnaryEnergy(np.ascontiguousarray(energies.reshape(classes, -1)))
    field.addPairwiseGaussian(sxy=settings.smooth_sigma, compat=settings.smooth_weight)
    field.addPairwiseBilateral(
        sxy=settings.colour_place,
        srgb=settings.colour_grey,
        rgbim=np.ascontiguousarray(np.repeat(image[..., None], 3, axis=2)),
        compat=settings.colour_weight,
    )
    return np.asarray(field.inference(settings.iterations), dtype=np.float32).reshape(energies.shape)


def _by_grid(image: NDArray[np.uint8], unary: NDArray[np.float32], settings: CRFSettings) -> NDArray[np.float32]:
    def smooth(values: NDArray[np.floating]) -> NDArray[np.float32]:
        blurred: NDArray[np.float32] = gaussian_filter(values, settings.smooth_sigma, axes=(1, 2), mode="constant")
        return blurred

    # Three equal channels differ by the square root of three times as much as one.
    colour = BilateralGrid(image, settings.colour_place, settings.colour_grey / np.sqrt(3))
    kernels: list[tuple[float, Sums, NDArray[np.floating]]] = []
    for weight, kernel in ((settings.smooth_weight, smooth), (settings.colour_weight, colour)):
        norm = 1 / np.sqrt(kernel(np.ones((1, *image.shape), dtype=np.float32)))
        kernels.append((weight, kernel, norm))
    posterior = softmax(unary, axis=0)
    for _ in range(settings.iterations):
        messages = [weight * norm * kernel(posterior * norm) for weight, kernel, norm in kernels]
        posterior = softmax(unary + np.sum(messages, axis=0), axis=0)
    return posterior.astype(np.float32)
