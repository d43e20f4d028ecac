"""Raters whose marks are mask files: a folder of them, or one tag of a MONAI Label data store."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ...io.formats import NIFTI_SUFFIXES, PICTURE_SUFFIXES
from ..errors import FusionError
from .rater import Marks, MaskMarks, Rater, image_key

MASK_SUFFIXES = (*PICTURE_SUFFIXES, ".bmp", ".gif", *NIFTI_SUFFIXES)
#: The file by which MONAI Label's folders are known.
DATASTORE = "datastore_v2.json"
#: MONAI Label's tag for what the network proposed before anyone looked.
_PROPOSED = "original"


def read_mask_folder(
    name: str, folder: Path, *, label: int | None = None, postfix: str = "", exclude: Path | None = None
) -> Rater:
    """A rater whose masks lie in a folder and the folders below it.

    Args:
        name: name of the rater.
        folder: the folder.
        label: pixel value that counts in label maps; None for masks.
        postfix: ending of the masks' names to look for and to drop, as in ``REL_postfix.png``; every mask counts when
            empty.
        exclude: a folder to leave out, that of the results.

    Raises:
        FusionError: no mask in it.
        OSError: it cannot be read.
    """
    ending = f"_{postfix}" if postfix else ""
    marks: dict[str, list[Marks]] = {}
    for path in _mask_files(folder, exclude):
        key = image_key(path.relative_to(folder).as_posix())
        if key.endswith(ending):
            marks.setdefault(key.removesuffix(ending), []).append(MaskMarks(path, label))
    if not marks:
        what = f"no mask with a name in *{ending}.*" if postfix else "no mask"
        raise FusionError(f"{folder}: {what} found ({', '.join(MASK_SUFFIXES)})")
    return Rater(name, folder, "masks", marks)


def read_datastore(name: str, folder: Path, *, label: int | None = None) -> list[Rater]:
    """The raters of a MONAI Label data store, one a tag; the tag "original", the network's proposal, is left out.

    Args:
        name: name given to the data store; raters are called ``name/tag`` where there are several.
        folder: folder with ``datastore_v2.json``.
        label: pixel value that counts in label maps; None for masks.

    Raises:
        FusionError: the file is damaged, or nobody has labelled anything.
        OSError: it cannot be read.
    """
    path = folder / DATASTORE
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        labels = folder / content.get("labels_dir", "labels")
        by_tag: dict[str, dict[str, list[Marks]]] = {}
        for image, entry in content["objects"].items():
            for tag, file in entry["labels"].items():
                mask: Marks = MaskMarks(labels / tag / f"{image}{file['ext']}", label)
                by_tag.setdefault(tag, {})[image_key(image)] = [mask]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FusionError(f"{path}: not the file of a MONAI Label data store ({_short(error)})") from error
    by_tag.pop(_PROPOSED, None)
    if not by_tag:
        raise FusionError(f"{path}: nobody has labelled an image; tags other than {_PROPOSED} are needed")
    return [
        Rater(f"{name}/{tag}" if len(by_tag) > 1 else name, labels / tag, "MONAI Label", marks)
        for tag, marks in sorted(by_tag.items())
    ]


def _mask_files(folder: Path, exclude: Path | None) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise error

    left_out = None if exclude is None else exclude.resolve()
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [n for n in folders if not n.startswith(".") and Path(parent, n).resolve() != left_out]
        found += [Path(parent, n) for n in names if not n.startswith(".") and n.lower().endswith(MASK_SUFFIXES)]
    return sorted(found)


def _short(error: Exception) -> str:
    first: Any = (str(error).splitlines() or ["no message"])[0]
    return f"no {first}" if isinstance(error, KeyError) else str(first)
