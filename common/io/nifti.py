"""Radiographs stored as NIfTI."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

from .errors import RadiographError
from .radiograph import AS_STORED, UNKNOWN_SPACING, Radiograph

_ONE_SLICE = "NIfTI with one slice"
_NIFTI_2_HEADER = 540
_RIGHT = 0


def decode_nifti(path: Path, stream: BinaryIO) -> Radiograph:
    """Decode a NIfTI-1 or NIfTI-2 file with one slice, packed by gzip or not.

    A frontal radiograph lies in a coronal or, as most converters put it, in an axial plane. The affine is honoured:
    the picture is turned so that its first axis runs to the patient's left and its second axis to the patient's feet
    (coronal) or back (axial), the way radiologists look at both planes. A file states no orientation when it sets
    neither the sform nor the qform code, or when its plane is axial with both axes pointing up the RAS axes from an
    origin of exactly zero: that is what programs write that know pixels only. Its array is then taken for the picture
    as it is, first axis to the right, second axis down.

    Args:
        path: the file.
        stream: the same file, opened for reading in binary mode, at its start.

    Returns:
        The radiograph. The spacing is that of the header; 1 x 1 mm without a stated orientation is a placeholder too.

    Raises:
        RadiographError: the file has several slices, holds colours, or is a lateral view by its affine.
        Exception: whatever nibabel raises for a file that is cut short or broken.
    """
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    source = gzip.GzipFile(fileobj=stream) if packed else stream
    head = source.read(4)
    source.seek(0)
    sizes = (int.from_bytes(head, "little"), int.from_bytes(head, "big"))
    image = (nib.Nifti2Image if _NIFTI_2_HEADER in sizes else nib.Nifti1Image).from_stream(source)
    shape = _three_axes(path, image)
    storage = _storage(path, image, shape)
    values = image.get_fdata(caching="unchanged", dtype=np.float32).reshape(shape)
    picture_affine = image.affine @ inv_ornt_aff(storage, shape)
    x, y = (float(np.linalg.norm(picture_affine[:3, axis])) for axis in (0, 1))
    unknown = (x, y) == (1.0, 1.0) and not _states_orientation(image, shape)
    return Radiograph(
        pixels=apply_orientation(values, storage)[..., 0],
        spacing=UNKNOWN_SPACING if unknown else (x, y),
        affine=picture_affine,
        storage=storage,
        storage_axes=len(image.shape),
    )


def _three_axes(path: Path, image: nib.Nifti1Image) -> tuple[int, int, int]:
    """The array's shape with three axes, one of them of length one."""
    if image.get_data_dtype().fields is not None or np.issubdtype(image.get_data_dtype(), np.complexfloating):
        raise RadiographError.refuse(path, "a NIfTI file of colours or complex numbers", f"{_ONE_SLICE} of grey values")
    shape = tuple(int(length) for length in image.shape)
    x, y, z = (*shape, 1, 1, 1)[:3]
    if 1 not in (x, y, z) or any(length > 1 for length in shape[3:]):
        raise RadiographError.refuse(path, f"a NIfTI file of {' x '.join(map(str, shape))} values", _ONE_SLICE)
    return x, y, z


def _through(shape: tuple[int, int, int]) -> int:
    """The axis across the plane: the last of length one."""
    return max(axis for axis in range(3) if shape[axis] == 1)


def _states_orientation(image: nib.Nifti1Image, shape: tuple[int, int, int]) -> bool:
    header, affine = image.header, image.affine
    coded = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    pixels_only = _through(shape) == 2 and np.array_equal(affine, np.diag(np.abs(np.diag(affine))))
    return coded and not pixels_only


def _storage(path: Path, image: nib.Nifti1Image, shape: tuple[int, int, int]) -> np.ndarray:
    """Orientation that turns the stored array into the picture, nibabel's notation."""
    through = _through(shape)
    world = io_orientation(image.affine)
    if not _states_orientation(image, shape) or np.isnan(world).any():
        if through != 2:
            raise RadiographError.refuse(
                path, "a NIfTI file without an orientation whose slices are not its third axis"
            )
        return AS_STORED.copy()
    plane = [axis for axis in range(3) if axis != through]
    right = [axis for axis in plane if world[axis, 0] == _RIGHT]
    if not right:
        raise RadiographError.refuse(path, "a lateral view: its affine puts the picture in a sagittal plane")
    storage = np.empty((3, 2))
    for axis in plane:
        # Towards the patient's left, feet and back is against all three RAS axes.
        storage[axis] = (0 if axis in right else 1, -world[axis, 1])
    storage[through] = (2, 1)
    return storage
