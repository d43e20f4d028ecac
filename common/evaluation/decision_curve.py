"""Decision curve: what acting on a probability is worth, at every threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .roc import checked

#: Thresholds at which the curve is given.
GRID = np.linspace(0.01, 0.99, 99)


def decision_curve(probabilities: ArrayLike, labels: ArrayLike) -> pd.DataFrame:
    """Net benefit (Vickers and Elkin, Med Decis Making 2006) at the share of positives in the data.

    A threshold of 0.1 says that nine people examined for nothing are the price of finding one that is ill.

    Args:
        probabilities: calibrated, shape [images], in [0, 1].
        labels: 0 or 1, shape [images].

    Returns:
        ``threshold`` and net benefits: ``model``, ``all`` (examine everybody); examining nobody is worth 0.

    Raises:
        ValueError: see :func:`.roc.area_under_curve`; also when there is no image.
    """
    probability, positive = checked(probabilities, labels)
    if not probability.size:
        raise ValueError("a decision curve needs an image")
    order = np.argsort(probability, kind="stable")
    first = np.searchsorted(probability[order], GRID, side="left")
    passed = np.append(0, np.cumsum(positive[order]))
    tp = passed[-1] - passed[first]
    fp = probability.size - first - tp
    odds = GRID / (1 - GRID)
    share = positive.mean()
    return pd.DataFrame(
        {"threshold": GRID, "model": (tp - fp * odds) / probability.size, "all": share - (1 - share) * odds}
    )
