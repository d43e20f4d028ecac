"""What one row's files hold, measured once and used by the check and by the description of a data folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation, label

from ..io.mask_file import PictureError, read_mask
from .parallel import parallel_map
from .pixels import read_radiograph
from .signature import Signature, signature

#: Columns of the index that name mask files.
MASK_COLUMNS = ("lung_mask", "left_lung_mask", "right_lung_mask")
#: Bins of :attr:`ImageFacts.histogram`.
HISTOGRAM_BINS = 64

# Specks below this share of the picture are slips of the pen or traces of resizing, not pieces of an organ.
_PIECE_SHARE = 2e-4
_RING = 0.02


@dataclass(frozen=True)
class MaskFacts:
    """One mask file.

    Attributes:
        error: why it could not be read; empty when it could.
        width: columns.
        height: rows.
        levels: number of different values, at most 2 in a mask.
        area: share of the picture that is foreground.
        pieces: connected parts (4 neighbours) of at least 0.02 % of the picture.
        specks: smaller connected parts.
        centre_x: centre of gravity, 0 at the left and 1 at the right edge; NaN when empty.
        contrast: mean grey value in the mask minus that of a narrow ring around it, in standard deviations of both;
            negative for air in the lungs of a film with bright bones; NaN where it cannot be measured.
    """

    error: str = ""
    width: int = 0
    height: int = 0
    levels: int = 0
    area: float = 0.0
    pieces: int = 0
    specks: int = 0
    centre_x: float = float("nan")
    contrast: float = float("nan")


@dataclass(frozen=True)
class ImageFacts:
    """One row: its image and its masks.

    Attributes:
        error: why the image could not be read; empty when it could.
        width: columns.
        height: rows.
        low: smallest value.
        high: largest value.
        histogram: (64,) share of pixels a bin over the nominal range of the storage (0 to 255, or 0 to 65535 when a
            value exceeds 255).
        signature: fingerprint for the search for copies; None when the image could not be read.
        masks: facts of the mask files the row names, by column.
    """

    error: str = ""
    width: int = 0
    height: int = 0
    low: float = 0.0
    high: float = 0.0
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(HISTOGRAM_BINS))
    signature: Signature | None = None
    masks: dict[str, MaskFacts] = field(default_factory=dict)


def scan(root: Path, table: pd.DataFrame, *, processes: int = 1, progress: bool = True) -> list[ImageFacts]:
    """Measure the files of every row; a bad file becomes the ``error`` of its facts and stops nothing.

    Args:
        root: folder that the paths of the index are relative to.
        table: index as :func:`read_index` returns it.
        processes: worker processes.
        progress: whether to draw a progress bar.

    Returns:
        Facts in the order of ``table``.
    """
    rows = [
        (row["image"], {name: row[name] for name in MASK_COLUMNS if row[name]})
        for row in table[["image", *MASK_COLUMNS]].to_dict("records")
    ]
    return parallel_map(partial(scan_row, root), rows, processes=processes, description="reading", progress=progress)


def scan_row(root: Path, row: tuple[str, dict[str, str]]) -> ImageFacts:
    """Measure one image and its masks."""
    name, mask_names = row
    error, image = "", None
    try:
        if not name:
            raise PictureError("the row names no image")
        image = read_radiograph(root / name)
    except Exception as problem:  # whatever a decoder throws at a damaged file belongs into the report
        error = _in_folder(problem, root)
    masks = {column: _mask_facts(root, path, image) for column, path in mask_names.items()}
    if image is None:
        return ImageFacts(error=error, masks=masks)
    low, high = float(image.min()), float(image.max())
    counts, _ = np.histogram(image, bins=HISTOGRAM_BINS, range=(0, 255 if high <= 255 else 65535))
    return ImageFacts(
        width=image.shape[1],
        height=image.shape[0],
        low=low,
        high=high,
        histogram=counts / image.size,
        signature=signature(image),
        masks=masks,
    )


def _mask_facts(root: Path, name: str, image: np.ndarray | None) -> MaskFacts:
    try:
        values = read_mask(root / name)
    except Exception as problem:
        return MaskFacts(error=_in_folder(problem, root))
    inside = values > (values.max() / 2 if values.size else 0)
    facts = {"height": values.shape[0], "width": values.shape[1], "levels": len(np.unique(values))}
    if not inside.any():
        return MaskFacts(**facts)
    parts, _ = label(inside)
    sizes = np.bincount(parts.ravel())[1:]
    pieces = int((sizes >= _PIECE_SHARE * inside.size).sum())
    return MaskFacts(
        **facts,
        area=float(inside.mean()),
        pieces=pieces,
        specks=len(sizes) - pieces,
        centre_x=float((np.flatnonzero(inside) % inside.shape[1]).mean() / max(1, inside.shape[1] - 1)),
        contrast=_contrast(image, inside),
    )


def _contrast(image: np.ndarray | None, inside: np.ndarray) -> float:
    if image is None or image.shape != inside.shape:
        return float("nan")
    # A coarse grid is enough for two means and keeps the dilation of a full-size film cheap.
    step = max(1, min(inside.shape) // 256)
    coarse, values = inside[::step, ::step], image[::step, ::step]
    ring = binary_dilation(coarse, iterations=max(1, round(_RING * min(coarse.shape)))) & ~coarse
    if not ring.any() or not coarse.any():
        return float("nan")
    spread = float(values[coarse | ring].std())
    return float(values[coarse].mean() - values[ring].mean()) / spread if spread > 0 else 0.0


def _in_folder(problem: Exception, root: Path) -> str:
    """The message without the folder that all files share, which a table of findings states once."""
    return (str(problem) or type(problem).__name__).replace(f"{root}/", "")


def readable(facts: Sequence[ImageFacts]) -> list[int]:
    """Positions whose image could be read."""
    return [position for position, item in enumerate(facts) if item.signature is not None]
