"""STAPLE: the probable truth behind the masks of several raters, and how good each rater is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .em import estimate
from .errors import FusionError
from .policies import (
    BACKGROUND,
    COUNT,
    DISPUTED,
    EMPTY,
    IMAGE,
    REGIONS,
    TIES,
    check_choice,
    check_range,
    counted_raters,
    foreground,
)
from .region import bounding_box, disputed_region

#: Posterior from which a pixel is foreground, as in the published code of seed 000's author.
THRESHOLD = 0.95
#: See :func:`.region.disputed_region`; measured by ``python -m benchmarks.staple``.
MARGIN = 0.2
MAX_ITERATIONS = 10_000


@dataclass(frozen=True)
class Fusion:
    """A consensus of binary masks.

    Attributes:
        consensus: bool, of the shape of one mask.
        probability: float64 of the same shape, in [0, 1]: STAPLE's posterior, or the share of raters.
        sensitivity: of each rater: the probability that a pixel of the truth is marked; NaN without foreground and
            for raters that do not count.
        specificity: of each rater: the probability that a pixel outside the truth is not marked; NaN likewise.
        prior: share of foreground that STAPLE assumed in its region; NaN where nothing had to be estimated.
        iterations: of the expectation maximisation; 0 where nothing had to be estimated.
        converged: False when it stopped at the highest permitted number of iterations.
        region_pixels: number of pixels that sensitivity and specificity refer to.
    """

    consensus: NDArray[np.bool_]
    probability: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]
    prior: float
    iterations: int
    converged: bool
    region_pixels: int


def staple(
    masks: NDArray[np.bool_],
    *,
    threshold: float = THRESHOLD,
    region: str = DISPUTED,
    margin: float = MARGIN,
    prior: float | None = None,
    tie: str = BACKGROUND,
    empty: str = COUNT,
    max_iterations: int = MAX_ITERATIONS,
) -> Fusion:
    """Estimate the truth and the performance of the raters together (Warfield, Zou and Wells, IEEE TMI 23(7), 2004).

    What the method leaves open is settled so:

    - With the region "image" the estimate rests on all pixels, and the posterior is that of ``SimpleITK.STAPLE``.
      With "disputed" it rests on :func:`.region.disputed_region`, and unanimous pixels have probability 0 or 1.
    - Masks that are all equal (all empty or all full, for which SimpleITK gives NaN) are their own consensus.
    - A posterior within 1e-6 of the threshold is a tie. (Of two raters one of whom marked nothing, the posterior of
      what the other one marked is exactly 0.5.)
    - The order of the raters does not matter, to the last bit.

    Two raters hardly tell STAPLE who is right: at a threshold of 0.95 their consensus is as a rule the intersection.

    Args:
        masks: bool, [R, ...] with one mask a rater.
        threshold: posterior that the consensus exceeds, in (0, 1).
        region: "disputed" or "image".
        margin: see :func:`.region.disputed_region`.
        prior: probability of foreground before anyone looked, in (0, 1); the mean share over raters and region when
            None.
        tie: "background" or "foreground": where ties go.
        empty: "count" takes an empty mask as the statement that there is nothing, "ignore" leaves its rater out.
        max_iterations: from 1 on.

    Raises:
        FusionError: an option out of its range, or no rater.
    """
    check_range("threshold", threshold, 0, 1, inclusive=False)
    check_choice("region", region, REGIONS)
    check_range("margin", margin, 0, 10)
    check_choice("tie", tie, TIES)
    check_choice("empty", empty, EMPTY)
    check_range("max_iterations", max_iterations, 1, np.inf)
    if prior is not None:
        check_range("prior", prior, 0, 1, inclusive=False)
    if not len(masks):
        raise FusionError("no rater to fuse; at least one mask is needed")
    counted = counted_raters(masks, empty)
    kept = masks[counted] if counted.any() else masks[:1]
    marked: NDArray[np.bool_] = np.logical_or.reduce(kept)
    agreed: NDArray[np.bool_] = np.logical_and.reduce(kept)
    disputed = marked & ~agreed
    if not disputed.any():
        return _unanimous(agreed, counted)
    where = np.ones_like(disputed) if region == IMAGE else disputed_region(disputed, marked, margin)
    box = bounding_box(where)
    inside = where[box]
    shares = None if prior is None else np.array([1 - prior, prior])
    pixels = kept[(slice(None), *box)][:, inside].view(np.uint8)
    found = estimate(pixels, 2, prior=shares, max_iterations=max_iterations)
    probability = agreed.astype(np.float64)
    # Around the disputed pixels, unanimous ones serve the estimate only.
    open_pixels = where if region == IMAGE else disputed
    probability[open_pixels] = found.posterior[found.pattern[open_pixels[box][inside]], 1]
    return Fusion(
        consensus=foreground(probability, threshold, tie),
        probability=probability,
        sensitivity=of_all(found.performance[:, 1, 1], counted),
        specificity=of_all(found.performance[:, 0, 0], counted),
        prior=float(found.prior[1]),
        iterations=found.iterations,
        converged=found.converged,
        region_pixels=int(np.count_nonzero(where)),
    )


def _unanimous(agreed: NDArray[np.bool_], counted: NDArray[np.bool_]) -> Fusion:
    perfect = np.where(counted, 1.0, np.nan)
    nothing = np.full(len(counted), np.nan)
    return Fusion(
        consensus=agreed,
        probability=agreed.astype(np.float64),
        sensitivity=perfect if agreed.any() else nothing,
        specificity=nothing if agreed.all() else perfect,
        prior=float("nan"),
        iterations=0,
        converged=True,
        region_pixels=agreed.size,
    )


def of_all(values: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values of the raters that count, at their places among all raters; NaN for the others."""
    result = np.full((len(counted), *values.shape[1:]), np.nan)
    result[counted] = values[: np.count_nonzero(counted)]
    return result
