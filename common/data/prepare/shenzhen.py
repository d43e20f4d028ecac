"""Shenzhen Hospital chest radiographs (U.S. National Library of Medicine) with the lung masks of Stirenko et al.

Original layout: ``ChinaSet_AllFiles/CXR_png/CHNCXR_0001_0.png`` (the last digit is the label; most files have a
palette, some three equal channels), readings in ``ClinicalReadings/*.txt``. The masks are a distribution of their own,
``mask/CHNCXR_0001_0_mask.png``, and exist for 566 of the 662 images: put them anywhere below the source folder.
"""

from __future__ import annotations

from pathlib import Path

from .base import Inventory, PrepareError, Record, Source
from .files import by_name, walk
from .readings import read_readings

_NAME = r"(CHNCXR_\d{4}_[01])"
_IMAGE_FOLDERS = r"CXR_png|images?|img"


def find_shenzhen(root: Path) -> Inventory:
    """Images, masks and readings of a distribution.

    Raises:
        PrepareError: no image below ``root``.
    """
    files = list(walk(root))
    images = by_name(files, rf"{_NAME}\.png", folder=_IMAGE_FOLDERS)
    if not images:
        raise PrepareError(f"{root}: no Shenzhen images; expected files such as CXR_png/CHNCXR_0001_0.png")
    masks = by_name(files, rf"{_NAME}_mask\.png")
    readings = read_readings(
        by_name(files, rf"{_NAME}\.txt"), [path for path in files if path.name.lower() == "shenzhen_metadata.csv"]
    )
    records = [
        Record(
            name=name,
            image=image,
            masks={"lung_mask": (masks[name],)} if name in masks else {},
            values={"patient_id": name.split("_")[1], "tb": name[-1], **readings.get(name, {})},
        )
        for name, image in sorted(images.items())
    ]
    notes = [f"{name}: no clinical reading" for name in sorted(images) if name not in readings]
    notes += [f"{name}: a mask without its image" for name in sorted(masks) if name not in images]
    return Inventory(records=records, notes=notes, missing_masks=[name for name in sorted(images) if name not in masks])


SHENZHEN = Source(
    name="shenzhen",
    title="Shenzhen Hospital, 662 images, lung masks of 566",
    find=find_shenzhen,
    mask_folders={"lung_mask": "lung_masks"},
)
