"""One label of a label map file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...io.errors import RadiographError
from ...io.formats import NIFTI_SUFFIXES
from ...io.mask_file import MaskFileError, PictureError, read_mask
from ...io.nifti import decode_nifti


def read_label(path: Path, label: int) -> NDArray[np.bool_]:
    """Where a label map, a picture or a NIfTI file, has one value.

    Args:
        path: the file.
        label: the value.

    Returns:
        Boolean array of shape [rows, columns].

    Raises:
        MaskFileError: no such file, or not readable.
    """
    try:
        if path.name.lower().endswith(NIFTI_SUFFIXES):
            with path.open("rb") as stream:
                values = decode_nifti(path, stream).pixels.T
        else:
            values = read_mask(path)
    except (PictureError, RadiographError) as error:
        raise MaskFileError(str(error)) from error
    except OSError as error:
        raise MaskFileError(f"{path}: {error.strerror or error}") from error
    except Exception as error:  # a broken file may lead nibabel to any error at all
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise MaskFileError(f"{path}: a truncated or damaged NIfTI file ({first})") from error
    return np.asarray(values == label)
