"""A mask on the grid of the file that its radiograph came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, ornt_transform

from .radiograph import AS_STORED


def on_source_grid(mask: np.ndarray, meta: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Turn a mask as it is shown into one as the radiograph's file is stored.

    Args:
        mask: shape (W, H), first axis to the picture's right, second axis down.
        meta: what :class:`common.io.RadiographReader` says of the radiograph; may lack what that reader adds.

    Returns:
        The mask with three axes, in the order and direction of a NIfTI file's own (of other files: (W, H, 1)), and its
        4 x 4 affine to RAS in mm.
    """
    storage = np.asarray(meta.get("source_storage", AS_STORED), dtype=np.float64)
    affine = np.asarray(meta.get("source_affine", np.diag([-1.0, -1.0, 1.0, 1.0])), dtype=np.float64)
    back = ornt_transform(AS_STORED, storage)
    volume = mask[..., np.newaxis]
    return apply_orientation(volume, back), affine @ inv_ornt_aff(back, volume.shape)
