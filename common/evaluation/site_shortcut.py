"""Does the score tell sites apart? Then it knows more than the disease."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd

from .roc import area_under_curve
from .summary import patients

SHORTCUT_COLUMNS = ("class", "site", "other_site", "n", "n_other", "auc", "low", "high", "interval", "tells_apart")


def site_shortcut(images: pd.DataFrame) -> pd.DataFrame:
    """Area under the curve of the score for one site against another, within each class.

    Within people without TB, and within people with it, a score should not know the site. An area whose interval
    leaves out 0.5 says that it does: the network reacts to the apparatus or the processing, or the patients of the
    two sites differ (age, extent of disease), which figures cannot tell.

    Args:
        images: ``dataset``, ``patient_id``, ``image``, ``label`` and ``score``.

    Returns:
        One row a class (``label``) and pair of sites that both have it, with the columns :data:`SHORTCUT_COLUMNS`;
        areas above 0.5 say that ``other_site`` has the higher scores.
    """
    rows: list[dict[str, Any]] = []
    sites = list(dict.fromkeys(images["dataset"]))
    for label in (0, 1):
        members = images[images["label"] == label]
        for site, other in itertools.combinations(sites, 2):
            pair = members[members["dataset"].isin([site, other])]
            is_other = (pair["dataset"] == other).to_numpy()
            if is_other.all() or not is_other.any():
                continue
            area = area_under_curve(pair["score"], is_other, groups=patients(pair))
            rows.append(
                {
                    **{"class": label, "site": site, "other_site": other},
                    **{"n": int((~is_other).sum()), "n_other": int(is_other.sum())},
                    **{"auc": area.estimate, "low": area.low, "high": area.high, "interval": area.method},
                    "tells_apart": not area.low <= 0.5 <= area.high,
                }
            )
    return pd.DataFrame(rows, columns=list(SHORTCUT_COLUMNS))
