"""The columns of ``predictions.csv`` of a run that localised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..transforms import describe_tb


def describe_tb_regions(item: Mapping[str, Any], key: str = "evidence") -> dict[str, Any]:
    """The columns of :func:`common.transforms.describe_tb`, and the regions.

    Args:
        item: post-processed item, through :class:`common.transforms.DecideTBd` and :class:`.FindRegionsd`.
        key: key of the evidence map.

    Returns:
        As well: ``regions``, a JSON list of ``{"box": [x, y, w, h] in source pixels, "score": s}``.
    """
    regions = [{"box": list(region.box), "score": round(float(region.score), 6)} for region in item[f"{key}_regions"]]
    return {**describe_tb(item), "regions": json.dumps(regions)}
