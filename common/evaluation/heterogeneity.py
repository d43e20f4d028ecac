"""Do the areas under the curve of several sites differ by more than chance?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from .roc import DELONG, AreaUnderCurve


class Heterogeneity(NamedTuple):
    """Spread of an area between sites.

    Args:
        sites: how many could be compared.
        q: Cochran's Q.
        p: of the hypothesis that all sites have the same area.
        i_squared: share of the spread that is not chance, in [0, 1].
    """

    sites: int
    q: float
    p: float
    i_squared: float


def heterogeneity(areas: Sequence[AreaUnderCurve]) -> Heterogeneity | None:
    """Cochran's Q and I² (Higgins and Thompson, Stat Med 2002) of areas on the logit scale.

    Args:
        areas: one a site; those without DeLong's interval (few images, near separation) are left out, because
            their standard error says too little.

    Returns:
        None with fewer than two usable sites.
    """
    usable = [area for area in areas if area.method == DELONG]
    if len(usable) < 2:
        return None
    estimate = np.array([area.estimate for area in usable])
    slope = estimate * (1 - estimate)
    logit = np.log(estimate / (1 - estimate))
    weight = (slope / np.array([area.standard_error for area in usable])) ** 2
    q = float((weight * (logit - (weight @ logit) / weight.sum()) ** 2).sum())
    freedom = len(usable) - 1
    return Heterogeneity(len(usable), q, float(stats.chi2.sf(q, freedom)), max(0.0, (q - freedom) / q) if q else 0.0)
