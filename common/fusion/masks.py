"""One entry to all fusions of binary masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .policies import BACKGROUND, COUNT, DISPUTED, STAPLE
from .staple import MARGIN, MAX_ITERATIONS, THRESHOLD, Fusion, staple
from .votes import vote


def fuse_masks(
    masks: NDArray[np.bool_],
    method: str = STAPLE,
    *,
    threshold: float = THRESHOLD,
    region: str = DISPUTED,
    margin: float = MARGIN,
    prior: float | None = None,
    tie: str = BACKGROUND,
    empty: str = COUNT,
    max_iterations: int = MAX_ITERATIONS,
) -> Fusion:
    """Fuse masks by STAPLE, majority, union or intersection.

    Args:
        masks: bool, [R, ...] with one mask a rater.
        method: "staple", "majority", "union" or "intersection". All but "staple" heed ``tie`` and ``empty`` alone.
        threshold: see :func:`.staple.staple`.
        region: see :func:`.staple.staple`.
        margin: see :func:`.staple.staple`.
        prior: see :func:`.staple.staple`.
        tie: see :func:`.staple.staple`.
        empty: see :func:`.staple.staple`.
        max_iterations: see :func:`.staple.staple`.

    Raises:
        FusionError: an unknown method, an option out of its range, or no rater.
    """
    if method != STAPLE:
        return vote(masks, method, tie=tie, empty=empty)
    return staple(
        masks,
        threshold=threshold,
        region=region,
        margin=margin,
        prior=prior,
        tie=tie,
        empty=empty,
        max_iterations=max_iterations,
    )
