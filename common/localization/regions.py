"""Regions of strong evidence: connected components with a box and a score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

#: Diagonal neighbours belong together.
NEIGHBOURS = np.ones((3, 3), dtype=bool)


class Region(NamedTuple):
    """A box on the picture.

    Args:
        box: (x, y, w, h) in pixels, origin top left; it covers the columns x to x + w - 1.
        score: highest evidence within the region times the probability of the class.
    """

    box: tuple[int, int, int, int]
    score: float


def find_regions(
    mask: NDArray[np.bool_],
    evidence: NDArray[np.float32],
    *,
    probability: float = 1.0,
    min_area: float = 0.01,
    lungs: NDArray[np.bool_] | None = None,
    lung_margin: float = 0.05,
    min_inside: float = 0.5,
    max_regions: int | None = None,
) -> list[Region]:
    """Connected components of a mask that are large enough and lie in the lungs.

    Args:
        mask: strong evidence, [W, H] (x first, as everywhere in MONAI).
        evidence: the map that the mask was made of, [W, H]; of one scale for all images if scores are to be compared.
        probability: of the class on this image, for the scores. With maps whose maximum is 1 the strongest region of
            an image has this score.
        min_area: smaller components are dropped; a fraction of the image.
        lungs: lung mask [W, H]; None, or an empty one (no lungs were found), keeps components anywhere.
        lung_margin: how far the lungs are enlarged on every side, as a fraction of the image's shorter side.
        min_inside: components with a smaller part in the enlarged lungs are dropped.
        max_regions: how many to keep, the best first; None for all.

    Returns:
        Regions by falling score, equal ones by place.

    Raises:
        ValueError: arrays of different shape.
    """
    _same_shape(mask, evidence, lungs)
    regions = [
        Region(slices_box(place), float(evidence[place][component].max()) * probability)
        for place, component in large_components(mask, min_area, lungs, lung_margin, min_inside)
    ]
    return sorted(regions, key=lambda region: (-region.score, region.box))[:max_regions]


def find_lesions(
    probability: NDArray[np.float32],
    threshold: float = 0.5,
    *,
    min_area: float = 0.0,
    lungs: NDArray[np.bool_] | None = None,
    lung_margin: float = 0.05,
    min_inside: float = 0.5,
) -> tuple[NDArray[np.bool_], list[Region]]:
    """The mask of a lesion probability map, and its connected components.

    Args:
        probability: map [W, H], values in [0, 1].
        threshold: probability from which a pixel is lesion.
        min_area, lungs, lung_margin, min_inside: see :func:`find_regions`.

    Returns:
        The mask [W, H] of the components that stay, and their boxes, by falling score; the score of a lesion is the
        mean probability in it.

    Raises:
        ValueError: arrays of different shape.
    """
    mask = probability >= threshold
    _same_shape(mask, probability, lungs)
    kept = np.zeros_like(mask)
    lesions = []
    for place, component in large_components(mask, min_area, lungs, lung_margin, min_inside):
        kept[place] |= component
        lesions.append(Region(slices_box(place), float(probability[place][component].mean(dtype=np.float64))))
    return kept, sorted(lesions, key=lambda lesion: (-lesion.score, lesion.box))


def large_components(
    mask: NDArray[np.bool_],
    min_area: float,
    lungs: NDArray[np.bool_] | None,
    lung_margin: float,
    min_inside: float,
) -> Iterator[tuple[tuple[slice, slice], NDArray[np.bool_]]]:
    """Connected components that are large enough and lie in the lungs, each within its own box.

    Args:
        mask, min_area, lungs, lung_margin, min_inside: see :func:`find_regions`.

    Yields:
        The slices of the box along x and y, and the component's pixels in it.
    """
    labels, count = ndimage.label(mask, NEIGHBOURS)
    places = ndimage.find_objects(labels)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    allowed = mask if lungs is None or not lungs.any() else dilate(lungs, lung_margin)
    # Within its own box each component is measured far faster than by the functions that take all labels at once.
    for index in np.nonzero(areas >= max(1, min_area * mask.size))[0]:
        place = places[index]
        component = labels[place] == index + 1
        if np.count_nonzero(component & allowed[place]) >= min_inside * areas[index]:
            yield place, component


def _same_shape(mask: NDArray[np.bool_], evidence: NDArray[np.float32], lungs: NDArray[np.bool_] | None) -> None:
    for name, array in (("evidence", evidence), ("lung mask", lungs)):
        if array is not None and array.shape != mask.shape:
            raise ValueError(f"the mask has the shape {mask.shape}, the {name} {array.shape}")


def dilate(mask: NDArray[np.bool_], margin: float) -> NDArray[np.bool_]:
    """A mask enlarged on every side by a fraction of the image's shorter side."""
    size = 2 * round(margin * min(mask.shape)) + 1
    # A square is the one element whose cost does not grow with its size.
    return ndimage.maximum_filter(mask.view(np.uint8), size=size, mode="constant").astype(bool)


def slices_box(slices: Sequence[slice]) -> tuple[int, int, int, int]:
    """The box (x, y, w, h) of two slices along x and y."""
    x, y = slices
    return int(x.start), int(y.start), int(x.stop - x.start), int(y.stop - y.start)


def fill_boxes(boxes: Sequence[Sequence[float]], size: Sequence[int]) -> NDArray[np.bool_]:
    """Mask [W, H] of filled boxes.

    Args:
        boxes: (x, y, w, h) in pixels; the part outside the image is cut off. Broken edges are rounded to the nearest
            pixel edge, a half up.
        size: (W, H).

    Raises:
        ValueError: a width or height below 0.
    """
    mask = np.zeros(tuple(size), dtype=bool)
    for x, y, w, h in boxes:
        if w < 0 or h < 0:
            raise ValueError(f"box {[x, y, w, h]}: width and height must not be negative")
        x0, y0, x1, y1 = np.floor(np.array([x, y, x + w, y + h]) + 0.5).astype(int).clip(0)
        mask[x0:x1, y0:y1] = True
    return mask


def region_rows(regions: Sequence[Region]) -> torch.Tensor:
    """Regions as rows (x, y, w, h, score), shape [N, 5], as the metrics of boxes take them."""
    return torch.tensor([[*region.box, region.score] for region in regions], dtype=torch.float64).reshape(-1, 5)
