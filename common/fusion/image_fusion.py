"""What is done with one image: read, fuse, measure, write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from ..errors import UsageError
from ..io import RadiographError, RadiographReader
from ..metrics import confusion_counts, dice_from_counts
from .agreement import fleiss_kappa, pair_counts, pair_dice
from .errors import FusionError
from .masks import fuse_masks
from .matching import ImageMarks
from .outputs import find_regions, grid_of, map_paths, write_maps
from .policies import BACKGROUND, COUNT, DISPUTED, EMPTY, IGNORE, STAPLE, check_choice, check_range
from .raters import DrawnMarks, MaskMarks, Size
from .staple import MARGIN, MAX_ITERATIONS, THRESHOLD, Fusion

OK, REFUSED, FAILED = "ok", "refused", "failed"


@dataclass(frozen=True)
class FusionSettings:
    """How a study is fused.

    Attributes:
        output_dir: folder of the results.
        raters: names of the raters.
        method: see :func:`.masks.fuse_masks`, like the next six.
        threshold: posterior that STAPLE's consensus exceeds.
        region: what STAPLE's estimate rests on.
        margin: reach of the disputed region.
        prior: share of foreground to expect.
        tie: where ties go.
        max_iterations: after which STAPLE stops.
        empty: "count" takes an image without a mark as the statement that there is nothing, "ignore" as not read.
        min_raters: how many raters must have read an image, from 2 on; all of them when None.
        fill_holes: whether holes in the consensus are filled.
        mask_format: ending of the masks' names.
        images_dir: folder of the pictures; None when there is none.

    Raises:
        FusionError: a value out of its range.
    """

    output_dir: Path
    raters: tuple[str, ...]
    method: str = STAPLE
    threshold: float = THRESHOLD
    region: str = DISPUTED
    margin: float = MARGIN
    prior: float | None = None
    tie: str = BACKGROUND
    max_iterations: int = MAX_ITERATIONS
    empty: str = COUNT
    min_raters: int | None = None
    fill_holes: bool = False
    mask_format: str = ".png"
    images_dir: Path | None = None

    def __post_init__(self) -> None:
        # Refuse what every image would fail at before the first one.
        check_choice("empty", self.empty, EMPTY)
        if len(self.raters) < 2:
            raise FusionError(f"one reader, {', '.join(self.raters)}; two at least are needed")
        check_range("min_raters", self.needed, 2, len(self.raters))
        self.fuse(np.zeros((1, 1), dtype=np.bool_))

    @property
    def needed(self) -> int:
        """How many raters must have read an image."""
        return len(self.raters) if self.min_raters is None else self.min_raters

    def fuse(self, masks: NDArray[np.bool_]) -> Fusion:
        """Fuse the masks of those raters of an image who count, [R, ...]."""
        return fuse_masks(
            masks,
            self.method,
            threshold=self.threshold,
            region=self.region,
            margin=self.margin,
            prior=self.prior,
            tie=self.tie,
            max_iterations=self.max_iterations,
        )

    def record(self) -> dict[str, Any]:
        """The settings as JSON can hold them, without those that only say where files lie."""
        values = {name: value for name, value in asdict(self).items() if name not in ("output_dir", "raters")}
        return values | {"images_dir": None if self.images_dir is None else str(self.images_dir)}


@dataclass(frozen=True)
class ImageResult:
    """What became of one image.

    Attributes:
        image: its path below the folder of pictures, or its key where there is no such folder.
        status: "ok", "refused" (its files do not fit, or too few raters) or "failed" (any other error).
        reason: one line; empty when ok.
        flags: "not_converged"; "no_consensus" where something was marked but the consensus is empty.
        columns: figures of the image.
        readers: figures of each rater who has read it, by name.
        regions: see :func:`.outputs.find_regions`.
        pairs: [R, R, 2, 2], see :func:`.agreement.pair_counts`; zeros for raters who have not read it.
        votes: [R + 1], pixels by the number of raters who marked them; None unless all raters have read the image.
    """

    image: str
    status: str
    reason: str = ""
    flags: tuple[str, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)
    readers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    regions: Sequence[Mapping[str, Any]] = ()
    pairs: NDArray[np.int64] | None = None
    votes: NDArray[np.int64] | None = None


def fuse_image(settings: FusionSettings, image: ImageMarks) -> ImageResult:
    """Fuse one image and write its masks; whatever is wrong with it ends in the result."""
    name = image.key
    try:
        if len(image.pictures) == 1 and settings.images_dir is not None:
            name = image.pictures[0].relative_to(settings.images_dir).as_posix()
        # An image that fails now must not keep the consensus of an earlier run.
        for path in map_paths(settings.output_dir / image.key, settings.mask_format):
            path.unlink(missing_ok=True)
        return _fuse(settings, image, name)
    except (UsageError, RadiographError) as error:
        return ImageResult(name, REFUSED, str(error))
    except Exception as error:  # one image must not end the run of a thousand
        first = (str(error).splitlines() or ["no message"])[0]
        return ImageResult(name, FAILED, f"{type(error).__name__}: {first}")


def _fuse(settings: FusionSettings, image: ImageMarks, name: str) -> ImageResult:
    size, meta = _picture(settings, image)
    masks = read_masks(image, settings.raters, size)
    if settings.empty == IGNORE:
        masks = {rater: mask for rater, mask in masks.items() if mask.any()}
    if len(masks) < settings.needed:
        missing = ", ".join(rater for rater in settings.raters if rater not in masks)
        raise FusionError(f"read by {len(masks)} of {len(settings.raters)} raters, not by {missing}")
    stack = np.stack(list(masks.values()))
    fusion = settings.fuse(stack)
    consensus = binary_fill_holes(fusion.consensus) if settings.fill_holes else fusion.consensus
    write_maps(
        settings.output_dir / image.key, settings.mask_format, consensus, fusion.probability, meta or _mask_grid(image)
    )
    regions = find_regions(consensus, fusion.probability)
    everyone = len(masks) == len(settings.raters)
    votes = np.bincount(np.count_nonzero(stack, axis=0).ravel(), minlength=len(masks) + 1)
    pairs = pair_counts(stack)
    flags = [] if fusion.converged else ["not_converged"]
    if stack.any() and not consensus.any():
        flags.append("no_consensus")
    return ImageResult(
        image=name,
        status=OK,
        flags=tuple(flags),
        columns={
            "raters": len(masks),
            "iterations": fusion.iterations,
            "prior": fusion.prior,
            "region_pixels": fusion.region_pixels,
            "disputed_fraction": float(votes[1:-1].sum() / consensus.size),
            "consensus_area_fraction": float(consensus.mean()),
            "regions": len(regions),
            "mean_pair_dice": float(pair_dice(pairs)[np.triu_indices(len(masks), k=1)].mean()),
            "fleiss_kappa": fleiss_kappa([[n, len(masks) - n] for n in range(len(masks) + 1)], votes),
        },
        readers={
            rater: {
                "area_fraction": float(mask.mean()),
                "sensitivity": float(fusion.sensitivity[number]),
                "specificity": float(fusion.specificity[number]),
                "dice": _dice(mask, consensus),
            }
            for number, (rater, mask) in enumerate(masks.items())
        },
        regions=regions,
        pairs=_of_all(pairs, [settings.raters.index(rater) for rater in masks], len(settings.raters)),
        votes=votes if everyone else None,
    )


def read_masks(image: ImageMarks, raters: Sequence[str], size: Size | None) -> dict[str, NDArray[np.bool_]]:
    """The masks of an image, [rows, columns], by rater; without those who have not read it.

    Args:
        image: the marks.
        raters: names of the raters, in the order of ``image.marks``.
        size: columns and rows of the picture; None when there is no picture.

    Raises:
        FusionError: a rater has several marks of the image, or sizes differ or are not known.
        MaskFileError: a mask cannot be read.
    """
    given = {rater: marks for rater, marks in zip(raters, image.marks, strict=True) if marks}
    for rater, marks in given.items():
        if len(marks) > 1:
            names = " and ".join(mark.source for mark in marks[:2])
            raise FusionError(f"{len(marks)} entries of {rater} for one image: {names}")
    single = {rater: marks[0] for rater, marks in given.items()}
    masks = {rater: mark.mask(None) for rater, mark in single.items() if isinstance(mark, MaskMarks)}
    stated = [(mark.source, mark.size) for mark in single.values() if isinstance(mark, DrawnMarks) and mark.size]
    sizes = [(image.pictures[0].as_posix(), size)] if size else []
    sizes += [(single[rater].source, (mask.shape[1], mask.shape[0])) for rater, mask in masks.items()]
    sizes += [(source, known) for source, known in stated if known]
    for source, found in sizes[1:]:
        if found != sizes[0][1]:
            first, expected = sizes[0]
            raise FusionError(f"{source}: {_pixels(found)}, but {first} {_pixels(expected)}")
    known_size = sizes[0][1] if sizes else None
    for rater, mark in single.items():
        if rater not in masks:
            masks[rater] = mark.mask(known_size)
    return {rater: masks[rater] for rater in single}


def _picture(settings: FusionSettings, image: ImageMarks) -> tuple[Size | None, dict[str, Any]]:
    """Size and metadata of the picture, where there are pictures."""
    if settings.images_dir is None:
        return None, {}
    if len(image.pictures) != 1:
        found = " and ".join(path.name for path in image.pictures) or "none"
        raise FusionError(f"one picture of this name is needed in {settings.images_dir}, found {found}")
    reader = RadiographReader()
    pixels, meta = reader.get_data(reader.read(image.pictures[0]))
    return (pixels.shape[0], pixels.shape[1]), meta


def _mask_grid(image: ImageMarks) -> dict[str, Any]:
    """The grid of the first rater's NIfTI mask."""
    for marks in image.marks:
        for mark in marks:
            if isinstance(mark, MaskMarks) and (grid := grid_of(mark.path)):
                return grid
    return {}


def _dice(mask: NDArray[np.bool_], consensus: NDArray[np.bool_]) -> float:
    counts = confusion_counts(mask, consensus)
    return float(dice_from_counts(counts.tp, counts.fp, counts.fn))


def _of_all(pairs: NDArray[np.int64], places: list[int], count: int) -> NDArray[np.int64]:
    """Counts of the raters who have read an image, at their places among all raters."""
    result = np.zeros((count, count, 2, 2), dtype=np.int64)
    result[np.ix_(places, places)] = pairs
    return result


def _pixels(size: Size) -> str:
    return f"{size[0]} x {size[1]} pixels"
