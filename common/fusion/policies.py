"""The choices that a fusion offers, and what they mean where masks alone do not decide: ties, empty masks."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import NDArray

from .errors import FusionError

STAPLE, MAJORITY, UNION, INTERSECTION = "staple", "majority", "union", "intersection"
VOTES = (MAJORITY, UNION, INTERSECTION)
METHODS = (STAPLE, *VOTES)
#: Of label maps, where union and intersection mean nothing.
LABEL_METHODS = (STAPLE, MAJORITY)

#: Region that STAPLE is estimated on: around the pixels on which raters differ, or the whole image.
DISPUTED, IMAGE = "disputed", "image"
REGIONS = (DISPUTED, IMAGE)

#: Where a pixel goes that is exactly on the threshold.
BACKGROUND, FOREGROUND = "background", "foreground"
TIES = (BACKGROUND, FOREGROUND)

#: An empty mask is a rater's statement that there is nothing, or it means that the rater has not read the image.
COUNT, IGNORE = "count", "ignore"
EMPTY = (COUNT, IGNORE)

#: Probabilities nearer to each other than this are equal: the estimates themselves are no more exact.
SAME = 1e-6


def check_choice(name: str, value: object, accepted: tuple[str, ...]) -> None:
    """Raise unless an option has one of its values.

    Raises:
        FusionError: it has not.
    """
    if value not in accepted:
        raise FusionError(f"{name}: one of {', '.join(accepted)} is needed, got {value}")


def check_range(name: str, value: float, low: float, high: float, *, inclusive: bool = True) -> None:
    """Raise unless a number lies in a range.

    Raises:
        FusionError: it does not, or it is no number.
    """
    number = isinstance(value, Real)
    if not number or not (low <= value <= high if inclusive else low < value < high):
        how = "from" if inclusive else "between"
        raise FusionError(
            f"{name}: a number {how} {low:g} {'to' if inclusive else 'and'} {high:g} is needed, got {value}"
        )


def foreground(probability: NDArray[np.float64], threshold: float, tie: str) -> NDArray[np.bool_]:
    """Where a probability exceeds a threshold; a tie goes where the policy puts it."""
    reached = threshold + SAME if tie == BACKGROUND else threshold - SAME
    return probability > reached


def counted_raters(masks: NDArray, empty: str) -> NDArray[np.bool_]:
    """Which raters of an array [R, ...] count: all of them, or those with a mask that is not empty."""
    marked: NDArray[np.bool_] = np.logical_or.reduce(masks.reshape(len(masks), -1) != 0, axis=1)
    return marked if empty == IGNORE else np.ones(len(masks), dtype=np.bool_)
