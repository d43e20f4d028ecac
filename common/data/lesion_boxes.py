"""Lesion boxes of one image, as the index column ``boxes`` holds them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from .pixels import read_radiograph

#: Pixels by which rounding may move a box beyond the edge of its image.
TOLERANCE = 1.0
_FORM = '[{"label": "active", "xywh": [x, y, w, h]}]'


def lesion_boxes(text: str, size: Sequence[int]) -> tuple[list[str], NDArray[np.float32]]:
    """Read an entry of the column.

    Args:
        text: JSON list of ``{"label": name, "xywh": [x, y, w, h]}`` in pixels of the image, origin top left.
        size: (W, H) of the image.

    Returns:
        The labels, empty where there is none, and the boxes, shape [N, 4].

    Raises:
        ValueError: another form, a box without area, or one that leaves the image by more than a pixel, as boxes of
            another coordinate system do.
    """
    try:
        entries = json.loads(text)
        labels = [str(entry.get("label", "")) for entry in entries]
        boxes = np.array([entry["xywh"] for entry in entries], dtype=np.float32).reshape(len(entries), 4)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"boxes cannot be read ({error}); JSON such as {_FORM} is needed") from error
    within = (boxes[:, :2] >= -TOLERANCE) & (boxes[:, :2] + boxes[:, 2:] <= np.array(size) + TOLERANCE)
    right = (within & (boxes[:, 2:] > 0)).all(axis=1)
    if not right.all():
        shown = ", ".join(f"{edge:g}" for edge in boxes[~right][0])
        raise ValueError(
            f"box [{shown}] has no place in the image of {size[0]} x {size[1]} pixels; "
            "boxes are x, y, width, height in pixels of the image file, origin top left"
        )
    return labels, boxes


def of_labels(text: str, labels: Collection[str]) -> str:
    """An entry of the column without the boxes of other labels; "[]", nothing to find, where all boxes are of others.

    Args:
        text: entry of the column. One that cannot be read stays as it is, to be refused where it is used.
        labels: to keep.
    """
    try:
        entries = json.loads(text)
        kept = [entry for entry in entries if entry.get("label", "") in labels]
    except (ValueError, TypeError, AttributeError):
        return text
    return text if len(kept) == len(entries) else json.dumps(kept)


def image_size(path: str | Path) -> tuple[int, int]:
    """(W, H) of an upright radiograph; of a PNG or a JPEG from the head of the file.

    Raises:
        RadiographError: the file is missing, damaged or not a radiograph.
    """
    try:
        with Image.open(path, formats=["PNG", "JPEG"]) as picture:
            # As the reader turns it: orientations 5 to 8 change rows and columns.
            said = picture.format != "PNG" or _describes_itself(Path(path))
            turned = said and picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return (picture.height, picture.width) if turned else (picture.width, picture.height)
    except (UnidentifiedImageError, OSError):
        rows, columns = read_radiograph(path).shape
        return columns, rows


def _describes_itself(path: Path) -> bool:
    """Whether a PNG has a chunk that may name its orientation.

    Pillow would decode the whole picture to look for one behind the pixels.
    """
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            if head[4:] in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
                return True
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return False
