"""Lung masks of evaluated images: of the index, or found by a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.lung_items import mask_columns
from ..io.mask_file import read_union
from .errors import EvaluationError
from .mask_files import MaskFinder

#: Where a mask comes from.
FROM_INDEX, FOUND, NONE = "mask of the index", "mask of lung_seg", "none"


class KnownLungs:
    """Reads the lung mask of an image: that of the index, else ``REL_lungs.png`` of the bundle lung_seg.

    Args:
        dataset_dir: folder with ``index.csv``.
        lungs_dir: output folder of lung_seg on ``dataset_dir``; None for none.

    Raises:
        EvaluationError: no such folder.
    """

    def __init__(self, dataset_dir: str | Path, lungs_dir: str | Path | None = None) -> None:
        if lungs_dir is not None and not Path(lungs_dir).is_dir():
            raise EvaluationError(f"{lungs_dir}: no such folder of lung masks")
        self.dataset_dir = Path(dataset_dir)
        self.find = None if lungs_dir is None else MaskFinder(lungs_dir, dataset_dir, "lungs")

    def __call__(self, row: pd.Series, size: tuple[int, ...]) -> tuple[NDArray[np.bool_] | None, str]:
        """Mask of one row of the index.

        Args:
            row: the row.
            size: (W, H) of its image.

        Returns:
            Mask [W, H], None where there is none or no lung is in it; and where it comes from.

        Raises:
            ValueError: an unusable mask, or one of another size than its image.
        """
        paths, source = [self.dataset_dir / name for name in mask_columns(row)], FROM_INDEX
        if not paths and self.find is not None and (found := self.find(row["image"])).is_file():
            paths, source = [found], FOUND
        if not paths:
            return None, NONE
        mask = read_union(paths).T
        if mask.shape != size:
            raise EvaluationError(
                f"{paths[0]}: {mask.shape[0]} x {mask.shape[1]} pixels, its image {size[0]} x {size[1]}"
            )
        return (mask, source) if mask.any() else (None, NONE)
