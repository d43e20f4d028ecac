"""What a run that localised has saved: regions, filled boxes and evidence maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..handlers.prediction_record import RUN
from ..handlers.region_files import REGIONS
from ..io import RadiographLayout
from ..io.mask_file import read_binary_mask, read_mask
from ..localization import Region, read_regions
from .errors import EvaluationError
from .masks import rejections
from .run_record import read_record

#: Ids of ``localize.yaml`` whose values a run records, in their order there.
REGION_SETTINGS = ("method", "layer", "region_rule", "region_value", "min_region_area", "max_regions")


@dataclass(frozen=True)
class LocalizationRun:
    """Output folder of a TB classifier that was run with ``localize.yaml``.

    Args:
        folder: where it lies.
        dataset_dir: folder that it was run on.
        regions: regions of every image that was localised, by its path below ``dataset_dir``.
        rejected: why the others were not.
        record: content of ``run.json``; empty when there is none.
    """

    folder: Path
    dataset_dir: Path
    regions: Mapping[str, list[Region]]
    rejected: Mapping[str, str]
    record: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """Values of :data:`REGION_SETTINGS`; empty when the run does not record them."""
        values = self.record.get("settings", {}).get("regions") or []
        return dict(zip(REGION_SETTINGS, values, strict=True)) if len(values) == len(REGION_SETTINGS) else {}

    @property
    def about(self) -> dict[str, Any]:
        """What the run is, for records: folder, bundle, version, weights and :attr:`settings`."""
        kept = {
            key: self.record[key]
            for key in ("bundle", "version", "weights_sha256", "train_sites")
            if key in self.record
        }
        return {"folder": str(self.folder), **kept, **self.settings}

    def missing(self, image: str) -> str:
        """Why the run has nothing of an image; empty when it has."""
        if image in self.regions:
            return ""
        return self.rejected.get(image, f"not in {self.folder / REGIONS}")

    def has_maps(self, images: Iterable[str]) -> bool:
        """Whether the evidence map of any of the images was saved."""
        return any(self._path(image, "evidence").is_file() for image in images if image in self.regions)

    def region_mask(self, image: str) -> NDArray[np.bool_]:
        """Filled boxes of an image, [W, H].

        Raises:
            ValueError: the file is missing or unusable; names it.
        """
        return read_binary_mask(self._path(image, "regions")).T

    def evidence(self, image: str) -> NDArray[np.float32]:
        """Evidence map of an image, [W, H] in [0, 1], in steps of 1 / 255.

        Raises:
            ValueError: the file is missing, or no grey picture of 8 bits; names it.
        """
        return read_map(self._path(image, "evidence"), "an evidence map")

    def found(self, image: str) -> list[Region]:
        """Regions of an image, the strongest first."""
        return self.regions[image]

    def _path(self, image: str, postfix: str) -> Path:
        return RadiographLayout(self.folder, self.dataset_dir, postfix).path(self.dataset_dir / image)


def read_map(path: Path, what: str) -> NDArray[np.float32]:
    """Read a map of 8 bits as [W, H] in [0, 1], in steps of 1 / 255.

    Args:
        path: grey picture.
        what: what it is, with its article, for the error.

    Raises:
        ValueError: the file is missing, or no grey picture of 8 bits; names it.
    """
    pixels = read_mask(path)
    if pixels.dtype != np.uint8 or not pixels.size:
        raise EvaluationError(f"{path}: {pixels.dtype} values; {what} has 8 bits")
    return np.ascontiguousarray(pixels.T, dtype=np.float32) / np.float32(255)


def read_localization_run(folder: str | Path, dataset_dir: str | Path) -> LocalizationRun:
    """Read ``regions.json``, ``run.json`` and, of ``predictions.csv``, why images have no result.

    Raises:
        EvaluationError: no such folder, or a file that is none of these.
        RegionFileError: no ``regions.json``, or one of another form.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: no such folder; a run is the output folder of inference with localize.yaml")
    return LocalizationRun(
        folder, Path(dataset_dir), read_regions(folder / REGIONS), rejections(folder), read_record(folder / RUN)
    )
