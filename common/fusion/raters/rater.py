"""One rater: what was marked on each image, and where it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ...io.folder import without_suffix
from ...io.mask_file import read_binary_mask
from ..errors import FusionError
from .label_file import read_label
from .shapes import Shape, Size, draw_shapes

#: Formats of images that are no radiographs to us, but that annotation tools open and masks are saved in.
_OTHER_SUFFIXES = (".bmp", ".gif", ".webp")


@dataclass(frozen=True)
class MaskMarks:
    """A mask file.

    Attributes:
        path: the file.
        label: pixel value that counts in a label map; None takes a mask, which has one value beside zero.
    """

    path: Path
    label: int | None = None

    @property
    def source(self) -> str:
        """What to call it in a message."""
        return str(self.path)

    def mask(self, size: Size | None) -> NDArray[np.bool_]:
        """Read the mask.

        Args:
            size: not used: the file knows its size.

        Returns:
            Boolean array of shape [rows, columns].

        Raises:
            MaskFileError: no such file, not readable, or no mask.
        """
        return read_binary_mask(self.path) if self.label is None else read_label(self.path, self.label)


@dataclass(frozen=True)
class DrawnMarks:
    """Regions drawn on an image.

    Attributes:
        path: the annotation file.
        image: name of the image in it.
        shapes: the regions; none when the rater saw nothing.
        size: columns and rows of the image, where the file states them.
    """

    path: Path
    image: str
    shapes: tuple[Shape, ...]
    size: Size | None = None

    @property
    def source(self) -> str:
        """What to call it in a message."""
        return f"{self.path}, {self.image}"

    def mask(self, size: Size | None) -> NDArray[np.bool_]:
        """Draw the regions.

        Args:
            size: columns and rows of the image, where the file itself does not state them.

        Returns:
            Boolean array of shape [rows, columns].

        Raises:
            FusionError: a region cannot be used, or nobody knows the size.
        """
        known = self.size or size
        if known is None:
            raise FusionError(f"{self.source}: the file does not state the size of the image; give --images")
        try:
            return draw_shapes(self.shapes, known)
        except FusionError as error:
            raise FusionError(f"{self.source}: {error}") from error


Marks = MaskMarks | DrawnMarks


@dataclass(frozen=True)
class Rater:
    """What one rater marked.

    Attributes:
        name: name of the rater.
        path: folder or file with the marks.
        kind: format, in words.
        marks: by :func:`image_key`; several for one image are an error of that image.
    """

    name: str
    path: Path
    kind: str
    marks: Mapping[str, list[Marks]]


def image_key(name: str) -> str:
    """How an image is called across raters: its path below their folder without the extension, with ``/``.

    Annotation files may name images by where they lay on the reader's computer; then only the file's name counts.

    Raises:
        FusionError: nothing is left of the name.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in path.parts if part != "/"]
    if path.is_absolute() or ".." in parts or (parts and parts[0].endswith(":")):
        parts = [part for part in parts[-1:] if part != ".."]
    stem = without_suffix(parts[-1]) if parts else ""
    if parts and stem == parts[-1] and stem.lower().endswith(_OTHER_SUFFIXES):
        stem = stem.rpartition(".")[0]
    if not stem:
        raise FusionError(f"an image without a name: {name!r}")
    return "/".join((*parts[:-1], stem))
