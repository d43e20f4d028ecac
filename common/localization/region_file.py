"""``regions.json``: the regions of all images of a run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..io import write_json
from .regions import Region


class RegionFileError(UsageError):
    """A file of regions that is missing, unreadable or of another form."""


def write_regions(path: str | os.PathLike[str], regions: Mapping[str, Sequence[Region]]) -> None:
    """Write the regions of many images as JSON: ``{image: [{"box": [x, y, w, h], "score": s}]}``.

    Args:
        path: the file to write, completely or not at all; its folder has to exist.
        regions: path of an image below its data folder -> regions with boxes in source pixels; an image without
            regions has an empty list. Images are sorted, scores rounded to six digits: same regions, same file.

    Raises:
        ValueError: a score that is no number.
        OSError: the file cannot be written; an existing one is left as it was.
    """
    content = {
        image: [{"box": [int(edge) for edge in box], "score": round(float(score), 6)} for box, score in regions[image]]
        for image in sorted(regions)
    }
    write_json(path, content)


def read_regions(path: str | os.PathLike[str]) -> dict[str, list[Region]]:
    """Read what :func:`write_regions` wrote.

    Raises:
        RegionFileError: no such file, not JSON, or an entry that is not a box and a score; names file and image.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RegionFileError(f"{path}: not found; localisation writes it") from None
    except ValueError as error:
        raise RegionFileError(f"{path}: not a JSON file in UTF-8 ({error})") from error
    if not isinstance(content, dict):
        raise RegionFileError(f"{path}: found a {type(content).__name__}, not image -> list of boxes and scores")
    return {image: _parse(path, image, entries) for image, entries in content.items()}


def _parse(path: str | os.PathLike[str], image: str, entries: Any) -> list[Region]:
    if not isinstance(entries, list):
        raise RegionFileError(f"{path}: {image}: found {entries!r}, not a list of boxes and scores")
    regions = []
    for entry in entries:
        box: Any
        box, score = (entry.get("box"), entry.get("score")) if isinstance(entry, dict) else (None, None)
        whole = isinstance(box, list) and len(box) == 4 and all(type(edge) is int for edge in box)
        if not (whole and min(box[2:]) > 0 and isinstance(score, Real)):
            raise RegionFileError(f'{path}: {image}: found {entry!r}, not {{"box": [x, y, w, h], "score": s}}')
        regions.append(Region(tuple(box), float(score)))
    return regions
