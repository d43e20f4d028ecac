"""Consensus of label maps, in which each pixel has one of several labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .em import Estimate, estimate
from .errors import FusionError
from .policies import (
    COUNT,
    DISPUTED,
    EMPTY,
    IMAGE,
    LABEL_METHODS,
    MAJORITY,
    REGIONS,
    SAME,
    STAPLE,
    check_choice,
    check_range,
    counted_raters,
)
from .region import bounding_box, disputed_region
from .staple import MARGIN, MAX_ITERATIONS, of_all


@dataclass(frozen=True)
class LabelFusion:
    """A consensus of label maps, for R raters and the L labels that occur.

    Attributes:
        labels: [L], rising; 0 is background.
        consensus: of the shape and type of one map.
        probability: float64, [L, ...]: of each label at each pixel: STAPLE's posterior, or the share of raters.
        performance: float64, [R, L, L]: probability that a rater gives the label of the second axis where that of the
            third is true; NaN for raters that do not count.
        sensitivity: [R, L]: probability that a rater gives a label where it is true.
        specificity: [R, L]: probability that a rater does not give a label where another one is true.
        iterations: of the expectation maximisation; 0 where nothing had to be estimated.
        converged: False when it stopped at the highest permitted number of iterations.
        region_pixels: number of pixels that performance, sensitivity and specificity refer to.
    """

    labels: NDArray[np.integer]
    consensus: NDArray[np.integer]
    probability: NDArray[np.float64]
    performance: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]
    iterations: int
    converged: bool
    region_pixels: int


def fuse_label_maps(
    maps: NDArray[np.integer],
    method: str = STAPLE,
    *,
    threshold: float = 0.0,
    region: str = DISPUTED,
    margin: float = MARGIN,
    prior: Sequence[float] | None = None,
    undecided: int = 0,
    empty: str = COUNT,
    max_iterations: int = MAX_ITERATIONS,
) -> LabelFusion:
    """Fuse label maps by STAPLE for several labels (Rohlfing, Russakoff and Maurer, IEEE TMI 23(8), 2004) or by vote.

    Args:
        maps: integers, [R, ...] with one map a rater.
        method: "staple" or "majority".
        threshold: probability that the most probable label has to exceed, from 0 on and below 1; other pixels are
            undecided.
        region: see :func:`.staple.staple`.
        margin: see :func:`.region.disputed_region`; the marked area is that of all labels but 0.
        prior: probability of each label that occurs, in rising order of the labels, before anyone looked; the mean
            share over raters and region when None.
        undecided: label of pixels below the threshold, and of those where two labels are equally probable.
        empty: "count" takes a map of zeros as the statement that there is nothing, "ignore" leaves its rater out.
        max_iterations: from 1 on.

    Raises:
        FusionError: an option out of its range, or no rater.
    """
    check_choice("method", method, LABEL_METHODS)
    check_range("threshold", threshold, 0, 1 - SAME)
    check_choice("region", region, REGIONS)
    check_range("margin", margin, 0, 10)
    check_choice("empty", empty, EMPTY)
    check_range("max_iterations", max_iterations, 1, np.inf)
    if not len(maps):
        raise FusionError("no rater to fuse; at least one label map is needed")
    counted = counted_raters(maps, empty)
    kept = maps[counted] if counted.any() else maps[:1]
    labels, index = np.unique(kept, return_inverse=True)
    index = index.reshape(kept.shape).astype(np.min_scalar_type(len(labels)))
    shares = _shares(prior, labels)
    disputed: NDArray[np.bool_] = np.logical_or.reduce(index != index[0])
    if method == MAJORITY or not disputed.any():
        given = np.stack([(index == number).mean(axis=0) for number in range(len(labels))])
        consensus = _pick(labels, given, threshold, undecided)
        performance, mass = _against(index, labels, consensus)
        iterations, converged, region_pixels = 0, True, disputed.size
    else:
        marked: NDArray[np.bool_] = np.logical_or.reduce(kept != 0)
        where = np.ones_like(disputed) if region == IMAGE else disputed_region(disputed, marked, margin)
        box = bounding_box(where)
        inside = where[box]
        pixels = index[(slice(None), *box)][:, inside]
        found = estimate(pixels, len(labels), prior=shares, max_iterations=max_iterations)
        given = np.stack([(index[0] == number).astype(np.float64) for number in range(len(labels))])
        # Around the disputed pixels, unanimous ones serve the estimate only.
        open_pixels = where if region == IMAGE else disputed
        given[:, open_pixels] = found.posterior[found.pattern[open_pixels[box][inside]]].T
        consensus = _pick(labels, given, threshold, undecided)
        performance, mass = found.performance, _mass(found)
        iterations, converged, region_pixels = found.iterations, found.converged, int(np.count_nonzero(where))
    sensitivity, specificity = _by_label(performance, mass)
    return LabelFusion(
        labels=labels,
        consensus=consensus.astype(maps.dtype),
        probability=given,
        performance=of_all(performance, counted),
        sensitivity=of_all(sensitivity, counted),
        specificity=of_all(specificity, counted),
        iterations=iterations,
        converged=converged,
        region_pixels=region_pixels,
    )


def _shares(prior: Sequence[float] | None, labels: NDArray[np.integer]) -> NDArray[np.float64] | None:
    if prior is None:
        return None
    shares = np.asarray(prior, dtype=np.float64)
    if shares.shape != labels.shape or not (shares > 0).all() or not np.isfinite(shares).all():
        names = ", ".join(str(label) for label in labels)
        raise FusionError(f"prior: a positive number for each of the labels {names} is needed, got {list(prior)}")
    return shares / shares.sum()


def _pick(
    labels: NDArray[np.integer], probability: NDArray[np.float64], threshold: float, undecided: int
) -> NDArray[np.integer]:
    """The most probable label of each pixel."""
    best = probability.max(axis=0)
    tied = np.count_nonzero(probability > best - SAME, axis=0) > 1
    chosen = labels[probability.argmax(axis=0)]
    return np.where(tied | (best <= threshold + SAME), undecided, chosen)


def _against(
    index: NDArray[np.integer], labels: NDArray[np.integer], consensus: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Performance of each rater against a consensus, and the number of pixels that have each label there."""
    performance = np.zeros((len(index), len(labels), len(labels)))
    mass = np.array([np.count_nonzero(consensus == label) for label in labels], dtype=np.float64)
    for true, label in enumerate(labels):
        of_rater = index[:, consensus == label]
        for said in range(len(labels)):
            performance[:, said, true] = np.count_nonzero(of_rater == said, axis=1) / max(mass[true], 1)
    return performance, mass


def _mass(found: Estimate) -> NDArray[np.float64]:
    pixels = np.bincount(found.pattern, minlength=len(found.posterior))
    return np.asarray(pixels @ found.posterior, dtype=np.float64)


def _by_label(
    performance: NDArray[np.float64], mass: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sensitivity and specificity, each [R, L]; NaN where a label, or every other one, has no pixel."""
    sensitivity = np.where(mass > 0, np.diagonal(performance, axis1=1, axis2=2), np.nan)
    own = np.eye(len(mass), dtype=np.bool_)
    false = np.where(own, 0, performance * mass).sum(axis=2)
    others = mass.sum() - mass
    return sensitivity, np.where(others > 0, 1 - false / np.where(others > 0, others, 1), np.nan)
