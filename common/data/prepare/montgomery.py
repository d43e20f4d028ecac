"""Montgomery County chest radiographs (U.S. National Library of Medicine).

Original layout: ``MontgomerySet/CXR_png/MCUCXR_0001_0.png`` (the last digit is the label), one mask a lung under
``ManualMask/leftMask`` and ``rightMask`` with the name of the image, readings in ``ClinicalReadings/*.txt``. United
masks in a folder ``masks`` and readings in a CSV table, as some re-packagings have them, are understood as well.
"""

from __future__ import annotations

from pathlib import Path

from .base import Inventory, PrepareError, Record, Source
from .files import by_name, walk
from .readings import read_readings

_NAME = r"(MCUCXR_\d{4}_[01])"
_IMAGE_FOLDERS = r"CXR_png|images?|img"
_ORIGINAL_SIDES = {4020, 4892}
_SPACING = 0.0875


def find_montgomery(root: Path) -> Inventory:
    """Images, masks and readings of a distribution.

    Raises:
        PrepareError: no image below ``root``.
    """
    files = list(walk(root))
    images = by_name(files, rf"{_NAME}\.png", folder=_IMAGE_FOLDERS)
    if not images:
        raise PrepareError(f"{root}: no Montgomery images; expected files such as CXR_png/MCUCXR_0001_0.png")
    left = by_name(files, rf"{_NAME}\.png", folder="leftMask")
    right = by_name(files, rf"{_NAME}\.png", folder="rightMask")
    united = by_name(files, rf"{_NAME}(?:_mask)?\.png", folder="masks?")
    readings = read_readings(
        by_name(files, rf"{_NAME}\.txt"), [path for path in files if path.name.lower() == "montgomery_metadata.csv"]
    )
    records, missing, notes = [], [], []
    for name, image in sorted(images.items()):
        masks: dict[str, tuple[Path, ...]] = {}
        if name in left and name in right:
            masks["lung_mask"] = (left[name], right[name])
        elif name in united:
            masks["lung_mask"] = (united[name],)
        else:
            missing.append(name)
            if name in left or name in right:
                notes.append(f"{name}: the mask of one lung only; left out rather than taken for both")
        if name not in readings:
            notes.append(f"{name}: no clinical reading")
        values = {"patient_id": name.split("_")[1], "tb": name[-1], **readings.get(name, {})}
        records.append(Record(name=name, image=image, masks=masks, values=values))
    return Inventory(records=records, notes=notes, missing_masks=missing)


def montgomery_spacing(shape: tuple[int, int]) -> float | None:
    """0.0875 mm for films of the original size; re-packagings at another size do not tell."""
    return _SPACING if set(shape) == _ORIGINAL_SIDES else None


MONTGOMERY = Source(
    name="montgomery",
    title="Montgomery County, 138 images, lung masks",
    find=find_montgomery,
    spacing=montgomery_spacing,
    mask_folders={"lung_mask": "lung_masks"},
)
