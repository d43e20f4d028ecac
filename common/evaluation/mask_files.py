"""Finding and reading saved masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.pixels import PictureError, read_mask
from ..io import RadiographError, RadiographLayout
from ..io.folder import without_suffix
from ..io.formats import sniff
from ..io.nifti import decode_nifti

#: Formats in which a mask may have been saved, in the order in which they are looked for.
MASK_EXTENSIONS = (".png", ".nii.gz", ".nii")


class MaskFileError(ValueError):
    """A mask file that is missing, unreadable or not a binary mask; the message is one line that names the file."""


class MaskFinder:
    """Finds the predicted mask of an image by the rule of :class:`common.io.RadiographLayout`.

    Args:
        predictions_dir: output folder of the inference.
        dataset_dir: folder to which the paths of the images belong; also the one the inference was run on.
        name: what the masks show, as in ``REL_name.png``.
    """

    def __init__(self, predictions_dir: str | Path, dataset_dir: str | Path, name: str) -> None:
        self.dataset_dir = Path(dataset_dir)
        self.layout = RadiographLayout(predictions_dir, dataset_dir, postfix=name)

    def __call__(self, image: str) -> Path:
        """Path of the mask of an image; of the PNG that is missing where there is none in any format.

        Args:
            image: path of the image below the data folder.

        Raises:
            ValueError: the path leads out of the data folder.
        """
        candidates = [self._path(image, extension) for extension in MASK_EXTENSIONS]
        return next((path for path in candidates if path.is_file()), candidates[0])

    def _path(self, image: str, extension: str) -> Path:
        source = self.dataset_dir / image
        if source.is_file():
            return self.layout.path(source, extension=extension)
        # The masks travelled here without the radiographs, whose folders the layout looks into for names that clash.
        relative = Path(image)
        name = f"{without_suffix(relative.name)}_{self.layout.postfix}{extension}"
        return self.layout.output_dir / relative.parent / name


def read_binary_mask(path: Path) -> NDArray[np.bool_]:
    """Read a binary mask from a picture or a NIfTI file.

    Args:
        path: a file with one value beside zero (0/255, 0/1 or 1-bit).

    Returns:
        Boolean array of shape [rows, columns], true inside the mask.

    Raises:
        MaskFileError: no such file, not readable, or with several values beside zero (a probability map, say).
    """
    try:
        pixels = _read_nifti(path) if path.name.lower().endswith((".nii", ".nii.gz")) else read_mask(path)
    except (PictureError, RadiographError) as error:
        raise MaskFileError(str(error)) from error
    except OSError as error:
        raise MaskFileError(f"{path}: {error.strerror or error}") from error
    inside = pixels != 0
    if inside.any() and pixels[inside].min() != pixels.max():
        raise MaskFileError(f"{path}: {len(np.unique(pixels))} different values; a mask has zero and one other")
    return inside


def read_union(paths: list[Path]) -> NDArray[np.bool_]:
    """Read masks of one image, such as right and left lung, and unite them.

    Raises:
        MaskFileError: see :func:`read_binary_mask`; or the masks differ in size.
    """
    union = read_binary_mask(paths[0])
    for path in paths[1:]:
        part = read_binary_mask(path)
        if part.shape != union.shape:
            raise MaskFileError(f"{path}: {size_text(part)}, but {paths[0]} of the same image {size_text(union)}")
        union |= part
    return union


def size_text(mask: NDArray[np.bool_]) -> str:
    """Size as people write it: columns x rows."""
    return f"{mask.shape[1]} x {mask.shape[0]} pixels"


def _read_nifti(path: Path) -> NDArray[np.float32]:
    with path.open("rb") as stream:
        if sniff(stream) != "nifti":
            raise MaskFileError(f"{path}: not a NIfTI file")
        return np.asarray(decode_nifti(path, stream).pixels, dtype=np.float32).T
