"""The train, validation and test lists that published benchmarks use, so that figures can be compared with theirs.

``seg_split`` is the lung segmentation benchmark's division (Montgomery 96/14/28, Shenzhen 396/56/114, JSRT 172/25/50
images for train/val/test, after Gaál et al., arXiv 2003.10304), ``cls_split`` the division of the tuberculosis
classification benchmark (Montgomery 88/22/28, Shenzhen 422/107/133). The two were made independently of each other.
"""

from __future__ import annotations

import csv
from importlib.resources import files

#: Columns that a published list can fill.
SPLIT_COLUMNS = ("seg_split", "cls_split")


def published_splits(dataset: str) -> dict[str, dict[str, str]]:
    """Splits of every listed image of a data set.

    Args:
        dataset: name as in the column ``dataset`` of an index, such as ``montgomery``.

    Returns:
        ``{file name without extension: {"seg_split": …, "cls_split": …}}``; an empty string where a benchmark leaves
        the image out. Empty for a data set without a published list.
    """
    resource = files(__package__) / "splits" / f"{dataset}.csv"
    if not resource.is_file():
        return {}
    rows = csv.DictReader(resource.read_text(encoding="utf-8").splitlines())
    return {row["name"]: {name: row.get(name, "") for name in SPLIT_COLUMNS} for row in rows}
