"""Drawn radiographs, which know their lungs, in the formats that studies come in."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from monai.transforms import LoadImage
from PIL import Image

from common.data.phantom import Phantom, radiograph_phantom
from common.data.phantom_files import write_picture
from common.io import MaskReader

#: Rows and columns of a film with a heart on its left: no mirror image or turn of it looks alike.
SIZE = (400, 340)
#: Names of the studies: PNG of 8 and 16 bits, RGB, JPEG and TIFF; DICOM of both polarities; NIfTI in two directions.
FORMATS = ("grey8", "grey16", "colour", "photo", "scan", "film", "negative", "slice", "turned")


def lungs(phantom: Phantom) -> np.ndarray:
    """Both lungs, rows x columns."""
    found: np.ndarray = phantom.right_lung | phantom.left_lung
    return found


def write_formats(folder: Path) -> Phantom:
    """One film with lesions as every study of :data:`FORMATS`."""
    phantom = radiograph_phantom(SIZE, seed=5, lesions=3)
    image = phantom.image
    deep = image.astype(np.uint16) * 257
    write_picture(folder / "grey8.png", image)
    write_picture(folder / "grey16.png", deep)
    Image.fromarray(np.stack([image] * 3, axis=-1)).save(folder / "colour.png")
    write_picture(folder / "photo.jpg", image)
    write_picture(folder / "scan.tif", deep)
    write_picture(folder / "film.dcm", deep // 16, pixel=0.5)
    write_picture(folder / "negative.dcm", deep // 16, pixel=0.5, monochrome1=True)
    write_picture(folder / "slice.nii.gz", deep // 16, pixel=0.5)
    # The same slice, stored with other axes in other directions.
    first = nib.load(folder / "slice.nii.gz")
    nib.save(first.as_reoriented(np.array([[2, 1], [0, -1], [1, 1]])), folder / "turned.nii.gz")
    return phantom


def write_films(folder: Path, count: int) -> dict[str, Phantom]:
    """Healthy and ill films of different patients, the first as DICOM, the others as PNG."""
    films = {f"case{k}": radiograph_phantom((300, 280), seed=40 + k, lesions=2 * (k % 2)) for k in range(count)}
    for name, phantom in films.items():
        write_picture(folder / (f"{name}.png" if name != "case0" else "case0.dcm"), phantom.image)
    return films


def write_mask(path: Path, mask: np.ndarray) -> Path:
    """A mask as a client uploads it."""
    Image.fromarray(mask.astype(np.uint8)).save(path)
    return path


def read_answer(path: Path) -> np.ndarray:
    """A mask as it came, as the file stores it: PNG and TIFF rows x columns, NIfTI its own axes."""
    if path.suffix in (".png", ".tif"):
        with Image.open(path) as picture:
            return np.asarray(picture)
    return np.asarray(nib.load(path).dataobj)


def read_label(path: Path) -> np.ndarray:
    """A mask as trainings and the consensus of readers see it, rows x columns of the radiograph as it is shown."""
    mask = LoadImage(reader=MaskReader(), image_only=True, ensure_channel_first=True)(str(path))
    return np.asarray(mask)[0].T > 0


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Dice of two masks."""
    return float(2 * ((one > 0) & (other > 0)).sum() / max((one > 0).sum() + (other > 0).sum(), 1))
