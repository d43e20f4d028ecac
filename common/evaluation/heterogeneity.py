"""Do the figures of several sites differ by more than chance?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from .roc import DELONG, AreaUnderCurve
from .summary import patients

#: Patients that a site needs to be compared with others by ranks.
FEWEST_PATIENTS = 5


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


class RankSpread(NamedTuple):
    """Spread of a figure of single patients between sites.

    Args:
        sites: how many could be compared.
        patients: of these sites.
        h: of Kruskal and Wallis.
        p: of the hypothesis that all sites have the same distribution.
        epsilon_squared: share of the spread of ranks that the sites explain, in [0, 1].
    """

    sites: int
    patients: int
    h: float
    p: float
    epsilon_squared: float


def rank_spread(images: pd.DataFrame, metric: str) -> RankSpread | None:
    """Kruskal and Wallis's test between sites of the means of patients, with its effect size (Tomczak, 2014).

    Args:
        images: ``dataset``, the figure, and what :func:`.summary.patients` needs.
        metric: column of the figure.

    Returns:
        None with fewer than two sites of :data:`FEWEST_PATIENTS` patients, or where all patients have one value.
    """
    means = images.assign(who=patients(images)).groupby(["dataset", "who"], sort=False)[metric].mean()
    parts = [own.to_numpy() for _, own in means.groupby(level=0, sort=False) if len(own) >= FEWEST_PATIENTS]
    if len(parts) < 2 or np.ptp(np.concatenate(parts)) == 0:
        return None
    h, p = stats.kruskal(*parts)
    count = sum(map(len, parts))
    return RankSpread(len(parts), count, float(h), float(p), float(h) / (count - 1))
