"""Simple fusions of binary masks: majority, union and intersection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import FusionError
from .policies import BACKGROUND, COUNT, EMPTY, MAJORITY, TIES, UNION, VOTES, check_choice, counted_raters, foreground
from .staple import Fusion


def vote(masks: NDArray[np.bool_], rule: str, *, tie: str = BACKGROUND, empty: str = COUNT) -> Fusion:
    """Fuse masks by counting raters.

    Args:
        masks: bool, [R, ...] with one mask a rater.
        rule: "majority" takes what more than half of the raters marked, "union" what any of them did, "intersection"
            what all did.
        tie: "background" or "foreground": where a pixel goes that half of the raters marked, under "majority".
        empty: "count" takes an empty mask as the statement that there is nothing, "ignore" leaves its rater out.

    Returns:
        The consensus; the probability is the share of raters, sensitivity and specificity are those against the
        consensus in the whole image.

    Raises:
        FusionError: an unknown option, or no rater.
    """
    check_choice("method", rule, VOTES)
    check_choice("tie", tie, TIES)
    check_choice("empty", empty, EMPTY)
    if not len(masks):
        raise FusionError("no rater to fuse; at least one mask is needed")
    counted = counted_raters(masks, empty)
    kept = masks[counted] if counted.any() else masks[:1]
    share = np.count_nonzero(kept, axis=0) / len(kept)
    if rule == MAJORITY:
        consensus = foreground(share, 0.5, tie)
    else:
        consensus = (np.logical_or if rule == UNION else np.logical_and).reduce(kept)
    inside, outside = int(np.count_nonzero(consensus)), int(np.count_nonzero(~consensus))
    hits = np.array([np.count_nonzero(mask & consensus) for mask in masks])
    rejections = np.array([np.count_nonzero(~(mask | consensus)) for mask in masks])
    nothing = np.full(len(masks), np.nan)
    return Fusion(
        consensus=consensus,
        probability=share,
        sensitivity=np.where(counted, hits / inside, np.nan) if inside else nothing,
        specificity=np.where(counted, rejections / outside, np.nan) if outside else nothing,
        prior=float("nan"),
        iterations=0,
        converged=True,
        region_pixels=consensus.size,
    )
