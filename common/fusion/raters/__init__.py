"""Raters and the files in which they leave their marks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..errors import FusionError
from .coco import is_coco, read_coco
from .mask_folder import DATASTORE, read_datastore, read_mask_folder
from .rater import DrawnMarks, Marks, MaskMarks, Rater, image_key
from .shapes import Size, draw_shapes
from .via import is_via, read_via_csv, read_via_json

__all__ = [
    "DrawnMarks",
    "Marks",
    "MaskMarks",
    "Rater",
    "Size",
    "draw_shapes",
    "image_key",
    "open_raters",
]

_ACCEPTED = "a folder of masks, a MONAI Label data store, VGG Image Annotator JSON or CSV, COCO JSON"


def open_raters(
    texts: Sequence[str], *, category: str | None = None, postfix: str = "", exclude: Path | None = None
) -> list[Rater]:
    """Open PATH or NAME=PATH texts; a rater without a name is called by the last part of the path.

    Args:
        texts: a path each, of a folder of masks, of a MONAI Label data store (one rater a tag), or of a file of
            annotations.
        category: of annotations, only regions of this category count; of masks, where it is a whole number, the pixel
            value that counts. All regions and any value beside zero when None.
        postfix: of masks, the ending of the names to look for and to drop, as in ``REL_postfix.png``.
        exclude: a folder to leave out when looking for masks, that of the results.

    Raises:
        FusionError: a path of no accepted kind, nothing in it, or two raters of one name.
        OSError: a path that cannot be read.
    """
    raters: dict[str, Rater] = {}
    for text in texts:
        # A path that holds an equals sign itself is taken as it is.
        name, found = ("", text) if Path(text).exists() or "=" not in text else text.split("=", 1)
        path = Path(found)
        for rater in _open(name or _last_part(path), path, category, postfix, exclude):
            if rater.name in raters:
                raise FusionError(f"two raters are called {rater.name}; name them apart: NAME=PATH")
            raters[rater.name] = rater
    return list(raters.values())


def _open(name: str, path: Path, category: str | None, postfix: str, exclude: Path | None) -> list[Rater]:
    if not path.exists():
        raise FusionError(f"{path}: no such folder or file; accepted are {_ACCEPTED}")
    label = int(category) if category is not None and category.isdecimal() else None
    if path.is_dir():
        if exclude is not None and exclude.resolve() == path.resolve():
            raise FusionError(f"{path}: results must not lie among the masks; name another folder for them")
        if (path / DATASTORE).is_file():
            return read_datastore(name, path, label=label)
        return [read_mask_folder(name, path, label=label, postfix=postfix, exclude=exclude)]
    if path.suffix.lower() == ".csv":
        return [read_via_csv(name, path, category=category)]
    if path.suffix.lower() != ".json":
        raise FusionError(f"{path}: accepted are {_ACCEPTED}")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise FusionError(f"{path}: damaged JSON ({str(error).splitlines()[0]})") from error
    if is_coco(content):
        return [read_coco(name, path, content, category=category)]
    if is_via(content):
        return [read_via_json(name, path, content, category=category)]
    raise FusionError(f"{path}: neither JSON of the VGG Image Annotator (version 1 or 2) nor of COCO")


def _last_part(path: Path) -> str:
    whole = path.resolve()
    return whole.stem if whole.is_file() else whole.name
