"""Annotations in the form of the COCO data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import FusionError
from .rater import DrawnMarks, Marks, Rater, image_key
from .shapes import Box, Broken, Polygon, Runs, Shape, Size, number, shape_or_reason


def is_coco(content: Any) -> bool:
    """Whether JSON has the form of a COCO data set."""
    return isinstance(content, Mapping) and {"images", "annotations"} <= set(content)


def read_coco(name: str, path: Path, content: Mapping[str, Any], *, category: str | None = None) -> Rater:
    """A rater from a COCO data set: polygons, run lengths, or the box where an annotation has neither.

    Args:
        name: name of the rater.
        path: the file.
        content: what it holds.
        category: name of the only category that counts; all when None.

    Raises:
        FusionError: no image, an annotation of an unknown image, or no such category.
    """
    try:
        categories = {entry["id"]: str(entry["name"]) for entry in content.get("categories", [])}
        images = {entry["id"]: (str(entry["file_name"]), _size(entry)) for entry in content["images"]}
        annotations = [(entry["image_id"], entry) for entry in content["annotations"]]
    except (KeyError, TypeError) as error:
        raise FusionError(f"{path}: not the form of COCO (an image, annotation or category lacks {error})") from error
    if not images:
        raise FusionError(f"{path}: a COCO file without images")
    if category is not None and category not in categories.values():
        raise FusionError(f"{path}: no category {category}; it has {', '.join(categories.values()) or 'none'}")
    shapes: dict[Any, list[Shape]] = {image: [] for image in images}
    for image, annotation in annotations:
        if image not in shapes:
            raise FusionError(f"{path}: an annotation of image {image}, which is not among its images")
        if category is None or categories.get(annotation.get("category_id")) == category:
            shapes[image] += _shapes(annotation)
    marks: dict[str, list[Marks]] = {}
    for image, (file_name, size) in images.items():
        drawn = DrawnMarks(path, file_name, tuple(shapes[image]), size)
        marks.setdefault(image_key(file_name), []).append(drawn)
    return Rater(name, path, "COCO JSON", marks)


def _shapes(annotation: Mapping[str, Any]) -> list[Shape]:
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, Mapping):
        return [shape_or_reason(lambda: _runs(segmentation))]
    if isinstance(segmentation, list) and segmentation:
        return [_polygon(part) for part in segmentation]
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        return [Broken("neither a segmentation nor a box [x, y, width, height]")]
    return [shape_or_reason(lambda: Box(*map(number, box)))]


def _polygon(part: Any) -> Shape:
    return shape_or_reason(lambda: Polygon(tuple(map(number, part[0::2])), tuple(map(number, part[1::2]))))


def _runs(segmentation: Mapping[str, Any]) -> Shape:
    counts = segmentation["counts"]
    if isinstance(counts, str):
        raise FusionError("packed run lengths; accepted are plain ones, a list of numbers")
    height, width = (int(number(side)) for side in segmentation["size"])
    return Runs((width, height), tuple(int(number(count)) for count in counts))


def _size(image: Mapping[str, Any]) -> Size | None:
    width, height = image.get("width"), image.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width, height
    return None
