"""What all data sets have in common: records, conversion in parallel, index and report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import UsageError
from ...io.mask_file import read_mask
from ..index import COLUMNS, INDEX_NAME, read_index
from ..index_writer import write_index
from ..parallel import parallel_map
from ..pixels import read_radiograph, resize, resize_mask, write_png
from ..published_splits import published_splits

#: Bits of the written images.
BITS = (8, 16)

_ASPECT = 0.01


class PrepareError(UsageError):
    """A source folder that does not hold the data set, or a target that must not be written."""


@dataclass(frozen=True)
class Record:
    """One image of the source and what is known about it.

    Attributes:
        name: file name without extension, for the image and its masks.
        image: source file.
        masks: source files of each mask column; the files of one column are united.
        values: further columns of the index.
    """

    name: str
    image: Path
    masks: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inventory:
    """What a source folder holds.

    Attributes:
        records: one an image, sorted by name.
        notes: what is missing, in one line each.
        missing_masks: names of images without a lung mask.
    """

    records: Sequence[Record]
    notes: Sequence[str] = ()
    missing_masks: Sequence[str] = ()


def united_masks(record: Record, image: np.ndarray) -> dict[str, np.ndarray]:
    """Masks of a record from its files, bool arrays in a grid of their own, by index column."""
    return {column: _united(files, image) for column, files in record.masks.items()}


def unknown_spacing(shape: tuple[int, int]) -> float | None:
    """The spacing of a data set that does not publish one."""
    return None


@dataclass(frozen=True)
class Source:
    """How one data set is found and read.

    Attributes:
        name: value of the column ``dataset``.
        title: what it is, for the help text.
        find: inventory of a source folder; raises :class:`PrepareError` when the data set is not there.
        read: grey values (rows, columns) of one image, bone bright, in the range 0 to ``white``.
        read_masks: masks (bool, rows and columns) of a record and its image, by index column.
        spacing: mm a pixel of an image of this (rows, columns); None when unknown.
        mask_folders: folder that each mask column is written to.
        white: grey value that becomes the brightest one; None keeps the values as they are.
    """

    name: str
    title: str
    find: Callable[[Path], Inventory]
    mask_folders: dict[str, str]
    read: Callable[[Path], np.ndarray] = read_radiograph
    read_masks: Callable[[Record, np.ndarray], dict[str, np.ndarray]] = united_masks
    spacing: Callable[[tuple[int, int]], float | None] = unknown_spacing
    white: float | None = None


@dataclass(frozen=True)
class PrepareReport:
    """What was done; also written to ``prepare_NAME.json`` beside the index.

    Attributes:
        dataset: name of the data set.
        images: images written.
        masks: images with a lung mask.
        missing_masks: images of the source without a lung mask.
        failed: file name and reason of images that could not be converted; they are not in the index.
        notes: what else is missing.
    """

    dataset: str
    images: int
    masks: int
    missing_masks: list[str]
    failed: dict[str, str]
    notes: list[str]


def prepare(
    source: Source,
    source_dir: str | Path,
    target_dir: str | Path,
    *,
    size: int | None = None,
    bits: int = 8,
    processes: int = 1,
    overwrite: bool = False,
    progress: bool = True,
) -> PrepareReport:
    """Convert a data set and write or extend ``target_dir/index.csv``.

    Images become greyscale PNG with bright bones under ``target_dir/NAME/images``, masks 0/255 PNG beside them.
    Several data sets can share one target. An image that cannot be read is reported and left out.

    Args:
        source: one of :data:`common.data.prepare.SOURCES`.
        source_dir: folder with the unpacked original files, at any depth.
        target_dir: folder to write to.
        size: squash to ``size`` x ``size`` pixels; None keeps the source size.
        bits: 8, or 16 to keep the full depth of sources that have more than 8.
        processes: worker processes.
        overwrite: replace the rows and files of this data set in an existing target.
        progress: whether to draw a progress bar.

    Raises:
        PrepareError: the data set was not found, or the target holds it already.
        UsageError: a size below 64 or another number of bits.
    """
    if size is not None and size < 64:
        raise UsageError(f"size must be at least 64 pixels, got {size}")
    if bits not in BITS:
        raise UsageError(f"bits must be 8 or 16, got {bits}")
    origin, target = Path(source_dir), Path(target_dir)
    if not origin.is_dir():
        raise PrepareError(f"{origin}: no such folder")
    others = _other_rows(target, source.name, overwrite=overwrite)
    inventory = source.find(origin)
    work = partial(_convert, source, target, size, bits)
    results = parallel_map(work, inventory.records, processes=processes, description=source.name, progress=progress)
    rows, failed = [], {}
    splits = published_splits(source.name)
    for record, outcome in zip(inventory.records, results, strict=True):
        if isinstance(outcome, str):
            failed[record.image.name] = outcome.replace(f"{origin}/", "")
        else:
            rows.append(dict.fromkeys(COLUMNS, "") | splits.get(record.name, {}) | record.values | outcome)
    report = PrepareReport(
        dataset=source.name,
        images=len(rows),
        masks=sum(any(row[column] for column in source.mask_folders) for row in rows),
        missing_masks=list(inventory.missing_masks),
        failed=failed,
        notes=list(inventory.notes),
    )
    if rows:
        # What a data set tells beyond the data contract goes along.
        table = pd.DataFrame(rows, columns=list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)])))
        write_index(target, table if others is None else pd.concat([others, table], ignore_index=True).fillna(""))
        text = json.dumps(asdict(report), indent=2) + "\n"
        (target / f"prepare_{source.name}.json").write_text(text, encoding="utf-8")
    return report


def _other_rows(target: Path, name: str, *, overwrite: bool) -> pd.DataFrame | None:
    """Rows of other data sets in the target."""
    if not (target / INDEX_NAME).is_file():
        return None
    table = read_index(target)
    mine = table["dataset"] == name
    if mine.any() and not overwrite:
        raise PrepareError(f"{target / INDEX_NAME} already lists {name}; use --overwrite to replace it")
    return table[~mine]


def _convert(source: Source, target: Path, size: int | None, bits: int, record: Record) -> dict[str, str] | str:
    """Write one image and its masks; the columns they fill, or the reason of a failure."""
    try:
        image = source.read(record.image)
        shape = (size, size) if size else (image.shape[0], image.shape[1])
        columns = {
            "dataset": source.name,
            "image": f"{source.name}/images/{record.name}.png",
            **_spacing(source, image.shape, shape),
        }
        masks = {column: resize_mask(mask, shape) for column, mask in source.read_masks(record, image).items()}
        # All files of a row are read before the first is written: a damaged mask leaves no orphaned image behind.
        write_png(target / columns["image"], to_depth(resize(image, shape), bits, source.white))
        for column, mask in masks.items():
            columns[column] = f"{source.name}/{source.mask_folders[column]}/{record.name}.png"
            write_png(target / columns[column], mask)
        return columns
    except Exception as problem:  # one damaged file must not end the conversion of all others
        return str(problem) or type(problem).__name__


def to_depth(image: np.ndarray, bits: int, white: float | None) -> np.ndarray:
    """Grey values as integers of at most ``bits`` bits.

    Args:
        image: float values of shape (rows, columns), not negative.
        bits: 8 or 16.
        white: value that becomes the brightest one. None takes the storage's: 255, 4095 (12 bits in 16-bit words) or
            65535, the smallest that holds all values. An image of 8 bits is never blown up to 16.

    Returns:
        uint8 or uint16 array.
    """
    full = white or next(float(value) for value in (255, 4095, 65535) if image.max() <= value)
    top = 65535 if bits == 16 and full > 255 else 255
    return np.clip(np.rint(image * (top / full)), 0, top).astype(np.uint16 if top > 255 else np.uint8)


def _united(files: Sequence[Path], image: np.ndarray) -> np.ndarray:
    """Union of mask files in their own grid, which may be coarser than that of the image but not of another shape."""
    united: np.ndarray | None = None
    for path in files:
        mask = read_mask(path) > 0
        if abs(mask.shape[1] / mask.shape[0] * image.shape[0] / image.shape[1] - 1) > _ASPECT:
            sizes = f"{mask.shape[1]} x {mask.shape[0]} pixels, its image {image.shape[1]} x {image.shape[0]}"
            raise PrepareError(f"{path}: the mask has {sizes}")
        if united is not None and united.shape != mask.shape:
            raise PrepareError(f"{path}: {mask.shape[1]} x {mask.shape[0]} pixels, the other lung's mask differs")
        united = mask if united is None else united | mask
    if united is None:
        raise PrepareError("no mask file")
    return united


def _spacing(source: Source, original: tuple[int, ...], written: tuple[int, int]) -> dict[str, str]:
    spacing = source.spacing((original[0], original[1]))
    if spacing is None:
        return {}
    down, across = (spacing * before / after for before, after in zip(original, written, strict=True))
    return {"spacing_x": f"{across:.6g}", "spacing_y": f"{down:.6g}"}
