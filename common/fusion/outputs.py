"""Files that hold the consensus of one image."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import NdarrayOrTensor
from monai.utils import MetaKeys, convert_to_numpy
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import label, regionprops

from ..io import MaskWriter, atomic_write
from ..io.formats import NIFTI_SUFFIXES
from ..io.nifti import decode_nifti


class ProbabilityWriter(MaskWriter):
    """Write a map of probabilities on the grid on which :class:`common.io.MaskWriter` writes its mask.

    A PNG holds 16-bit numbers from 0 to 65535 for probabilities from 0 to 1, a NIfTI file 32-bit floating-point ones.
    """

    def set_data_array(self, data_array: NdarrayOrTensor, channel_dim: int | None = None, **kwargs: Any) -> None:
        """Take the map, [W, H] with values in [0, 1].

        Args:
            data_array: the map.
            channel_dim: None, for there is no channel.
            kwargs: not used; the parameter is part of MONAI's interface.
        """
        self.mask = convert_to_numpy(data_array).astype(np.float32)

    def write(self, filename: str | os.PathLike[str], verbose: bool = False, **kwargs: Any) -> None:
        """Write the file, by the ending of its name.

        Args:
            filename: ends in ``.png``, ``.nii`` or ``.nii.gz``; its folder has to exist.
            verbose: not used; the parameter is part of MONAI's interface.
            kwargs: not used; the parameter is part of MONAI's interface.

        Raises:
            OSError: the file cannot be written; an existing one is left as it was.
        """
        with atomic_write(filename) as stream:
            if os.fspath(filename).lower().endswith(".png"):
                levels = np.rint(np.ascontiguousarray(self.mask.T) * np.float32(65535)).astype(np.uint16)
                Image.fromarray(levels).save(stream, format="PNG", compress_level=1)
            else:
                self._write_nifti(stream, packed=os.fspath(filename).lower().endswith(".gz"))


def write_maps(
    stem: Path, suffix: str, consensus: NDArray[np.bool_], probability: NDArray[np.float64], meta: Mapping[str, Any]
) -> None:
    """Write ``STEM_consensus`` and ``STEM_probability``.

    Args:
        stem: path of the files without the ending; their folder is made.
        suffix: ``.png``, ``.nii`` or ``.nii.gz``.
        consensus: [rows, columns].
        probability: [rows, columns].
        meta: metadata that tell the grid of a NIfTI file, see :func:`grid_of`.

    Raises:
        OSError: a file cannot be written.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    maps = ((MaskWriter(), consensus), (ProbabilityWriter(), probability))
    for path, (writer, values) in zip(map_paths(stem, suffix), maps, strict=True):
        writer.set_data_array(values.T, channel_dim=None)
        writer.set_metadata(meta)
        writer.write(path, verbose=False)


def map_paths(stem: Path, suffix: str) -> tuple[Path, Path]:
    """Paths of the consensus and of the probability map of an image, see :func:`write_maps`."""
    return stem.with_name(f"{stem.name}_consensus{suffix}"), stem.with_name(f"{stem.name}_probability{suffix}")


def grid_of(path: Path) -> dict[str, Any]:
    """Metadata of a NIfTI mask from which :class:`common.io.MaskWriter` makes a file on the same grid.

    Args:
        path: a readable mask; of formats other than NIfTI there is nothing to tell.
    """
    if not path.name.lower().endswith(NIFTI_SUFFIXES):
        return {}
    with path.open("rb") as stream:
        mask = decode_nifti(path, stream)
    return {
        MetaKeys.SPATIAL_SHAPE: np.asarray(mask.pixels.shape),
        "source_affine": mask.affine,
        "source_storage": mask.storage,
        "source_axes": mask.storage_axes,
    }


def find_regions(consensus: NDArray[np.bool_], probability: NDArray[np.float64]) -> list[dict[str, Any]]:
    """The connected parts of a mask (diagonal neighbours included), from top to bottom.

    Args:
        consensus: [rows, columns].
        probability: [rows, columns].

    Returns:
        ``box``: [x, y, w, h] in pixels; ``score``: mean probability of the part's pixels.
    """
    regions = []
    for part in regionprops(label(consensus), intensity_image=probability):
        top, left, bottom, right = part.bbox
        box = [int(left), int(top), int(right - left), int(bottom - top)]
        regions.append({"box": box, "score": round(float(part.intensity_mean), 4)})
    return regions
