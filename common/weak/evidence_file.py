"""What the first stage keeps of an image: its preprocessed pixels and the evidence for each class."""

from __future__ import annotations

import os
import zipfile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..io import atomic_write
from .stage import StageError


class Evidence(NamedTuple):
    """One image as the networks see it.

    Attributes:
        image: grey levels, uint8, shape [W, H].
        maps: evidence of each class, float16, shape [K, W, H], values in [0, 1].
    """

    image: NDArray[np.uint8]
    maps: NDArray[np.float16]

    @property
    def empty(self) -> bool:
        """Whether there is no evidence of any class."""
        return not self.maps.any()


def write_evidence(path: str | os.PathLike[str], image: NDArray[np.floating], maps: NDArray[np.floating]) -> Evidence:
    """Write the file, completely or not at all.

    Args:
        path: ends in ``.npz``; its folder has to exist.
        image: grey levels from 0 to 1, shape [W, H].
        maps: see :class:`Evidence`.

    Returns:
        What was written.
    """
    levels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    content = Evidence(levels, maps.astype(np.float16))
    with atomic_write(path) as stream:
        np.savez_compressed(stream, **content._asdict())
    return content


def read_evidence(path: str | os.PathLike[str]) -> Evidence:
    """Read the file.

    Raises:
        StageError: it is missing or damaged.
    """
    try:
        with np.load(path) as content:
            return Evidence(content["image"], content["maps"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else "damaged"
    # Outside the block: who reports one image's error names the innermost.
    raise StageError(f"{path}: {reason}; --restart_stage seeds makes it anew")
