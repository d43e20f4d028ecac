"""JSRT radiographs with the lung masks of the SCR database.

JSRT: ``JPCLN001.IMG`` to ``JPCLN154.IMG`` (one nodule each) and ``JPCNN001.IMG`` to ``JPCNN093.IMG``, headerless raw
files of 2048 x 2048 big-endian 16-bit words that hold 12 bits, 0.175 mm a pixel. The laser digitiser stored optical
density, so that air has the large values: 4095 minus the value turns them into the usual bright bones. The clinical
tables ``CLNDAT_EN.txt`` (nodules) and ``CNNDAT_EN.txt`` exist with line ends of every kind, tabs or spaces.

SCR: masks of the left and the right lung at 1024 x 1024 in folders ``left lung`` and ``right lung`` (the patient's
sides), of the odd numbered images below ``fold1`` and of the even ones below ``fold2``.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..published_splits import published_splits
from .base import Inventory, PrepareError, Record, Source
from .files import by_name, walk
from .readings import parse_age, parse_sex

SIDE = 2048
WHITE = 4095
IMAGES = 247

_NAME = r"(JPC(?:LN|NN)\d{3})"
_SPACING = 0.175
_PICTURES = r"(?:gif|png|tiff?|bmp)"


def read_jsrt(path: Path) -> np.ndarray:
    """Grey values of a raw file.

    Returns:
        float32 array (2048, 2048), 0 to 4095, bone bright.

    Raises:
        PrepareError: a file of another size, or values of more than 12 bits.
    """
    size = path.stat().st_size
    if size != SIDE * SIDE * 2:
        raise PrepareError(f"{path}: {size} bytes; a JSRT image has {SIDE * SIDE * 2} (truncated, or not raw)")
    values = np.fromfile(path, dtype=">u2").reshape(SIDE, SIDE)
    if values.max() > WHITE:
        raise PrepareError(f"{path}: values up to {values.max()}; JSRT's big-endian words hold at most {WHITE}")
    return (WHITE - values.astype(np.float32)).astype(np.float32)


def parse_clinical(text: str) -> dict[str, dict[str, str]]:
    """Columns ``sex``, ``age`` and ``findings`` by image name, from one of the clinical tables.

    A row is what follows an image name, whatever the line ends are: of an image with a nodule subtlety, size, age,
    sex, x, y, kind, place and diagnosis; of one without, age and sex. An age of 0 or "?" means unknown.
    """
    parts = re.split(rf"{_NAME}\.IMG", text, flags=re.IGNORECASE)
    readings = {}
    for name, rest in zip(parts[1::2], parts[2::2], strict=True):
        words = rest.split()
        nodule = name.upper().startswith("JPCLN")
        age, sex = (*words[2 if nodule else 0 :], "", "")[:2]
        years = parse_age(age)
        found = " ".join(words[6:])
        readings[name.upper()] = {
            "sex": parse_sex(sex),
            "age": "" if years == "0" else years,
            "findings": (f"lung nodule: {found}" if found else "lung nodule") if nodule else "no nodule",
        }
    return readings


def find_jsrt(root: Path) -> Inventory:
    """Images, masks and clinical tables of a distribution.

    Raises:
        PrepareError: no image below ``root``.
    """
    files = list(walk(root))
    images = by_name(files, rf"{_NAME}\.IMG")
    if not images:
        raise PrepareError(f"{root}: no JSRT images; expected raw files such as JPCLN001.IMG")
    left = by_name(files, rf"{_NAME}\.{_PICTURES}", folder="left[ _-]?lung")
    right = by_name(files, rf"{_NAME}\.{_PICTURES}", folder="right[ _-]?lung")
    readings: dict[str, dict[str, str]] = {}
    for path in files:
        if re.fullmatch(r"C[LN]NDAT_EN\.txt", path.name, re.IGNORECASE):
            readings |= parse_clinical(path.read_text(encoding="latin-1"))
    published = published_splits("jsrt")
    records, missing, notes = [], [], []
    for name, image in sorted(images.items()):
        nodule = name.startswith("JPCLN")
        values = {
            "patient_id": name,
            "abnormal": str(int(nodule)),
            "findings": "lung nodule" if nodule else "no nodule",
        }
        # The published test list is what the training and validation lists leave of the complete collection.
        if name not in published and len(images) == IMAGES:
            values["seg_split"] = "test"
        masks: dict[str, tuple[Path, ...]] = {}
        if name in left and name in right:
            masks = {"left_lung_mask": (left[name],), "right_lung_mask": (right[name],)}
        else:
            missing.append(name)
        if name not in readings:
            notes.append(f"{name}: not in the clinical tables")
        records.append(Record(name=name, image=image, masks=masks, values=values | readings.get(name, {})))
    if len(images) != IMAGES:
        notes.append(f"{len(images)} of {IMAGES} images found; the published test list is left empty")
    return Inventory(records=records, notes=notes, missing_masks=missing)


JSRT = Source(
    name="jsrt",
    title="JSRT with SCR masks, 247 images, masks of each lung",
    find=find_jsrt,
    read=read_jsrt,
    spacing=lambda shape: _SPACING * SIDE / shape[0],
    mask_folders={"left_lung_mask": "left_lung", "right_lung_mask": "right_lung"},
    white=WHITE,
)
