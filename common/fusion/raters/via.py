"""Annotations of the VGG Image Annotator, version 1 or 2: a project, exported JSON or exported CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import FusionError
from .rater import DrawnMarks, Marks, Rater, image_key
from .shapes import Box, Broken, Ellipse, Polygon, Shape, Size, number, shape_or_reason

_PROJECT = "_via_img_metadata"
_CSV_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")
_KINDS = "rect, circle, ellipse, polygon"


def is_via(content: Any) -> bool:
    """Whether JSON has the form of a project or of an export."""
    if not isinstance(content, Mapping):
        return False
    if _PROJECT in content:
        return True
    return bool(content) and all(isinstance(v, Mapping) and {"filename", "regions"} <= set(v) for v in content.values())


def read_via_json(name: str, path: Path, content: Mapping[str, Any], *, category: str | None = None) -> Rater:
    """A rater from a project or an export.

    Args:
        name: name of the rater.
        path: the file.
        content: what it holds.
        category: only regions with this value in one of their attributes count; all when None.

    Raises:
        FusionError: the file holds no image.
    """
    images = content.get(_PROJECT, content)
    if not isinstance(images, Mapping) or not images:
        raise FusionError(f"{path}: a VGG Image Annotator file without images")
    marks: dict[str, list[Marks]] = {}
    for entry in images.values():
        if not isinstance(entry, Mapping) or not isinstance(entry.get("filename"), str):
            raise FusionError(f"{path}: an image without a filename")
        regions = entry.get("regions") or []
        # Version 1 numbers the regions, version 2 lists them.
        listed = list(regions.values()) if isinstance(regions, Mapping) else regions
        shapes = tuple(_shapes(listed if isinstance(listed, list) else [None], category))
        drawn = DrawnMarks(path, entry["filename"], shapes, _size(entry.get("file_attributes")))
        marks.setdefault(image_key(entry["filename"]), []).append(drawn)
    return Rater(name, path, "VGG Image Annotator JSON", marks)


def read_via_csv(name: str, path: Path, *, category: str | None = None) -> Rater:
    """A rater from an exported table, one row a region (or one for an image without regions).

    Args:
        name: name of the rater.
        path: the file.
        category: only regions with this value in one of their attributes count; all when None.

    Raises:
        FusionError: the table lacks a column or has no row.
        OSError: it cannot be read.
    """
    regions: dict[str, list[Any]] = {}
    sizes: dict[str, Size | None] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream)
            # Version 1 starts its header with a sign of comment.
            rows.fieldnames = [column.lstrip("#").strip() for column in rows.fieldnames or []]
            missing = [column for column in _CSV_COLUMNS if column not in rows.fieldnames]
            if missing:
                raise FusionError(f"{path}: not a table of the VGG Image Annotator: no column {missing[0]}")
            for row in rows:
                image = row["filename"]
                if not image:
                    raise FusionError(f"{path}: line {rows.line_num} names no image")
                shape, attributes, of_file = (
                    _json(row.get(column))
                    for column in ("region_shape_attributes", "region_attributes", "file_attributes")
                )
                sizes[image] = sizes.get(image) or _size(of_file)
                listed = regions.setdefault(image, [])
                if shape != {}:
                    listed.append({"shape_attributes": shape, "region_attributes": attributes})
    except (UnicodeDecodeError, csv.Error) as error:
        raise FusionError(f"{path}: not a CSV table in UTF-8 ({error})") from error
    if not regions:
        raise FusionError(f"{path}: a table without images")
    marks: dict[str, list[Marks]] = {}
    for image, listed in regions.items():
        drawn = DrawnMarks(path, image, tuple(_shapes(listed, category)), sizes[image])
        marks.setdefault(image_key(image), []).append(drawn)
    return Rater(name, path, "VGG Image Annotator CSV", marks)


def _shapes(regions: Iterable[Any], category: str | None) -> Iterable[Shape]:
    for region in regions:
        if not isinstance(region, Mapping):
            yield Broken("no shape")
        elif category is None or _has(region.get("region_attributes"), category):
            yield _shape(region.get("shape_attributes"))


def _shape(attributes: Any) -> Shape:
    if not isinstance(attributes, Mapping):
        return Broken("no shape")

    def value(key: str) -> float:
        return number(attributes[key])

    kind = attributes.get("name")
    if kind == "rect":
        return shape_or_reason(lambda: Box(value("x"), value("y"), value("width"), value("height")))
    if kind == "circle":
        return shape_or_reason(lambda: Ellipse(value("cx"), value("cy"), value("r"), value("r")))
    if kind == "ellipse":
        angle = attributes.get("theta", 0)
        return shape_or_reason(lambda: Ellipse(value("cx"), value("cy"), value("rx"), value("ry"), number(angle)))
    if kind == "polygon":
        return shape_or_reason(
            lambda: Polygon(
                tuple(map(number, attributes["all_points_x"])), tuple(map(number, attributes["all_points_y"]))
            )
        )
    return Broken(f"a region of kind {kind}; accepted are {_KINDS}")


def _has(attributes: Any, category: str) -> bool:
    """Whether an attribute has a value: as text, or as one of the boxes ticked."""
    if not isinstance(attributes, Mapping):
        return False
    return any(
        bool(value.get(category)) if isinstance(value, Mapping) else str(value).strip() == category
        for value in attributes.values()
    )


def _size(attributes: Any) -> Size | None:
    """The size of an image that its attributes state as width and height."""
    if not isinstance(attributes, Mapping):
        return None
    try:
        width, height = int(attributes["width"]), int(attributes["height"])
    except (KeyError, TypeError, ValueError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _json(cell: str | None) -> Any:
    """The content of a cell; None when it is damaged."""
    try:
        return json.loads(cell or "{}")
    except ValueError:
        return None
