"""The expectation maximisation of STAPLE, for two labels or more.

SimpleITK has it as well, in ``STAPLE`` and ``MultiLabelSTAPLE``, which the tests compare with. It is written here
because what STAPLE needs of an image is only how often each combination of the raters' labels occurs: a few dozen
counts instead of all pixels in every iteration, which makes the same estimate tens to hundreds of times faster
(``python -m benchmarks.staple``). Besides, products of hundreds of probabilities leave the range of numbers, which
their logarithms do not, and ``MultiLabelSTAPLE`` returns neither the posterior nor the number of iterations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Largest change of a performance parameter in the last iteration; ITK's value for two labels.
TOLERANCE = 1e-7

_FEW = 2**16


@dataclass(frozen=True)
class Estimate:
    """What is known of N pixels and R raters for L labels.

    Attributes:
        posterior: float64, [P, L]: probability of each label for each of the P patterns that occur.
        pattern: [N]: which pattern each pixel has.
        performance: float64, [R, L, L]: probability that a rater gives label j (second axis) where c (third axis) is
            true; each column adds up to 1, or is 0 where nothing speaks for c.
        prior: float64, [L].
        iterations: how often performance and posterior were computed.
        converged: False when the highest permitted number of iterations was reached first.
    """

    posterior: NDArray[np.float64]
    pattern: NDArray[np.intp]
    performance: NDArray[np.float64]
    prior: NDArray[np.float64]
    iterations: int
    converged: bool


def estimate(
    labels: NDArray[np.integer], count: int, *, prior: NDArray[np.float64] | None, max_iterations: int
) -> Estimate:
    """Estimate the truth and the raters' performance (Warfield, Zou and Wells, IEEE TMI 23(7), 2004).

    It starts, as ITK does, from the share of raters for each label at each pixel, and stops when no performance
    parameter changes by more than :data:`TOLERANCE`. Raters enter in an order that their labels determine, so that the
    result does not depend on the order given, to the last bit.

    Args:
        labels: [R, N], numbers from 0 to ``count`` - 1.
        count: number of labels L.
        prior: [L], the probability of each label before anyone looked; the mean share over raters and pixels when None.
        max_iterations: from 1 on.
    """
    order = sorted(range(len(labels)), key=lambda rater: labels[rater].tobytes())
    ordered = labels[order]
    pattern, patterns = find_patterns(ordered, count)
    pixels = np.bincount(pattern, minlength=len(patterns)).astype(np.float64)
    given = (patterns[:, :, np.newaxis] == np.arange(count)).astype(np.float64)  # [P, R, L]
    posterior = given.mean(axis=1)
    prior = pixels @ posterior / pixels.sum() if prior is None else prior
    performance = np.full((len(labels), count, count), np.inf)
    converged, iterations = False, 0
    # A label that nothing speaks for has probability 0, whose logarithm is meant to be minus infinity.
    with np.errstate(divide="ignore"):
        while not converged and iterations < max_iterations:
            iterations += 1
            weight = pixels[:, np.newaxis] * posterior
            mass = weight.sum(axis=0)
            updated = np.einsum("prj,pc->rjc", given, weight) / np.where(mass > 0, mass, 1)
            converged = bool(np.abs(updated - performance).max() <= TOLERANCE)
            performance = updated
            evidence = np.log(prior) + np.log(performance)[np.arange(len(labels)), patterns].sum(axis=1)
            # At least one label is finite: the one with most weight at a pattern cannot have performance 0 there.
            likelihood = np.exp(evidence - evidence.max(axis=1, keepdims=True))
            posterior = likelihood / likelihood.sum(axis=1, keepdims=True)
    return Estimate(
        posterior=posterior,
        pattern=pattern,
        performance=performance[np.argsort(order)],
        prior=np.asarray(prior, dtype=np.float64),
        iterations=iterations,
        converged=converged,
    )


def find_patterns(labels: NDArray[np.integer], count: int) -> tuple[NDArray[np.intp], NDArray[np.integer]]:
    """The combinations of labels that occur.

    Args:
        labels: [R, N], numbers from 0 to ``count`` - 1.
        count: number of labels.

    Returns:
        The number of each pixel's pattern, [N], and the patterns, [P, R].
    """
    number = np.zeros(labels.shape[1], dtype=np.intp)
    bound = 1
    for row in labels:
        number = number * count + row
        bound *= count
        if bound > _FEW:
            number, bound = _closed_up(number, bound)
    number, bound = _closed_up(number, bound)
    example = np.empty(bound, dtype=np.intp)
    example[number] = np.arange(number.size)
    return number, labels[:, example].T


def _closed_up(number: NDArray[np.intp], bound: int) -> tuple[NDArray[np.intp], int]:
    """The same numbers without gaps, in the same order, and how many different ones there are."""
    occurs = np.bincount(number, minlength=bound) > 0
    return (np.cumsum(occurs) - 1)[number], int(np.count_nonzero(occurs))
