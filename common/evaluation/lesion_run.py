"""What a run that outlined lesions has saved: masks, boxes with scores, and probability maps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..handlers.lesion_files import LESIONS
from ..handlers.prediction_record import RUN
from ..io.mask_file import read_binary_mask
from ..localization import Region, find_lesions, read_regions
from .errors import EvaluationError
from .localized_images import read_map
from .mask_files import MaskFinder
from .masks import rejections
from .run_record import read_record

#: Endings of the files ``REL_tb.png`` and ``REL_tb_probability.png``.
MASKS, MAPS = "tb", "tb_probability"


@dataclass(frozen=True)
class LesionRun:
    """Output folder of a segmentation of lesions.

    Args:
        folder: where it lies.
        dataset_dir: folder that it was run on.
        regions: boxes and scores of the lesions of every image; None where no ``lesions.json`` was saved, as with
            masks of another program. The connected components of the masks then stand in for them.
        rejected: why images have no result.
        record: content of ``run.json``; empty when there is none.
    """

    folder: Path
    dataset_dir: Path
    regions: Mapping[str, Sequence[Region]] | None
    rejected: Mapping[str, str]
    record: Mapping[str, Any]

    @property
    def about(self) -> dict[str, Any]:
        """What the run is, for records: folder, bundle, version, weights and settings."""
        names = ("bundle", "version", "weights_sha256", "train_sites", "settings")
        return {"folder": str(self.folder), **{name: self.record[name] for name in names if name in self.record}}

    def missing(self, image: str) -> str:
        """Why the run has nothing of an image; empty when it has."""
        if image in self.rejected:
            return self.rejected[image]
        path = self._path(image, MASKS)
        if not path.is_file():
            return f"{path}: no such file"
        if self.regions is not None and image not in self.regions:
            return f"not in {self.folder / LESIONS}"
        return ""

    def has_maps(self, images: Iterable[str]) -> bool:
        """Whether the probability map of any of the images was saved."""
        return any(self._path(image, MAPS).is_file() for image in images)

    def region_mask(self, image: str) -> NDArray[np.bool_]:
        """Mask of the lesions of an image, [W, H].

        Raises:
            ValueError: the file is missing or unusable; names it.
        """
        return read_binary_mask(self._path(image, MASKS)).T

    def evidence(self, image: str) -> NDArray[np.float32]:
        """Probability map of an image, [W, H] in [0, 1], in steps of 1 / 255.

        Raises:
            ValueError: the file is missing, or no grey picture of 8 bits; names it.
        """
        return read_map(self._path(image, MAPS), "a probability map")

    def found(self, image: str, mask: NDArray[np.bool_] | None = None) -> list[Region]:
        """Lesions of an image by falling score.

        Without ``lesions.json`` they are the connected components of the mask, scored by their mean probability where
        the map was saved, else all by 1.

        Args:
            image: one that is not missing.
            mask: its mask where it was read already, [W, H].

        Raises:
            ValueError: boxes that do not belong to the mask, or a file that is unusable; names it.
        """
        mask = self.region_mask(image) if mask is None else mask
        if self.regions is None:
            probability = self.evidence(image) if self._path(image, MAPS).is_file() else np.ones(mask.shape, np.float32)
            if probability.shape != mask.shape:
                raise EvaluationError(
                    f"{self._path(image, MAPS)}: {_size(probability.shape)} pixels, its mask {_size(mask.shape)}"
                )
            return find_lesions(np.where(mask, probability, np.float32(-1)), 0.0)[1]
        lesions = list(self.regions[image])
        if bool(lesions) != bool(mask.any()):
            raise EvaluationError(
                f"{self._path(image, MASKS)} is {'not empty' if mask.any() else 'empty'}, but {LESIONS} has "
                f"{len(lesions)} lesions of it; are both of one run?"
            )
        for x, y, w, h in (lesion.box for lesion in lesions):
            if min(x, y) < 0 or x + w > mask.shape[0] or y + h > mask.shape[1]:
                raise EvaluationError(
                    f"{self.folder / LESIONS}: box {[x, y, w, h]} leaves the mask of {_size(mask.shape)} pixels"
                )
        return sorted(lesions, key=lambda lesion: -lesion.score)

    def _path(self, image: str, postfix: str) -> Path:
        return _finder(self.folder, self.dataset_dir, postfix)(image)


def read_lesion_run(folder: str | Path, dataset_dir: str | Path) -> LesionRun:
    """Read ``lesions.json`` and ``run.json``, if any, and, of ``predictions.csv``, why images have no result.

    Raises:
        EvaluationError: no such folder, or a file that is none of these.
        RegionFileError: a ``lesions.json`` of another form.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: no such folder; a run is the output folder of a segmentation of lesions")
    path = folder / LESIONS
    regions = read_regions(path) if path.is_file() else None
    data = Path(os.path.abspath(dataset_dir))
    return LesionRun(folder, data, regions, rejections(folder), read_record(folder / RUN))


@lru_cache(maxsize=8)
def _finder(folder: Path, dataset_dir: Path, postfix: str) -> MaskFinder:
    # Made once and not for each of many images; the paths are those of one run.
    return MaskFinder(folder, dataset_dir, postfix)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
