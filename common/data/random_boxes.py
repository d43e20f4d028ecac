"""Boxes that know nothing of their image: placebos of boxes that a classifier found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

#: Where a box may go: to any place of its image, or to where other images have theirs.
PLACES = ("anywhere", "found")


@dataclass(frozen=True)
class FoundBoxes:
    """The boxes of one image.

    Attributes:
        name: of the image.
        size: (W, H) of the image.
        boxes: shape [N, 4]: x, y, w, h in pixels.
    """

    name: str
    size: tuple[int, int]
    boxes: NDArray[np.float32]


def misplaced(images: Sequence[FoundBoxes], places: str = "anywhere", seed: int = 0) -> list[NDArray[np.float32]]:
    """The boxes of each image at random places, their sizes kept.

    Boxes that may go anywhere often lie outside the lungs, which boxes that a classifier found seldom do, so that they
    differ from these in more than what they know of their image. ``found`` gives each the centre of a box that was
    found on another image, as a share of width and height: the places are as typical, on the wrong image.

    Args:
        images: with their boxes.
        places: one of :data:`PLACES`.
        seed: the places of an image depend on it and on the image's name; with ``found`` also on the other images.

    Returns:
        Boxes [N, 4] of each image, inside it.

    Raises:
        UsageError: another word for the places, or ``found`` where one image alone has boxes.
    """
    if places not in PLACES:
        raise UsageError(f"random_places: one of {', '.join(PLACES)} is needed, got {places!r}")
    generators = [np.random.default_rng([seed, crc32(image.name.encode())]) for image in images]
    if places == "anywhere":
        pairs = zip(images, generators, strict=True)
        return [random_places(image.boxes, image.size, generator) for image, generator in pairs]
    centres = [(image.boxes[:, :2] + image.boxes[:, 2:] / 2) / np.array(image.size) for image in images]
    moved = []
    for own, (image, generator) in enumerate(zip(images, generators, strict=True)):
        others = [centre for index, centre in enumerate(centres) if index != own and len(centre)]
        if not others:
            raise UsageError(f"random_places: found needs boxes on two images at least, {image.name} alone has some")
        drawn = generator.choice(np.concatenate(others), size=len(image.boxes))
        room = np.maximum(np.array(image.size) - image.boxes[:, 2:], 0)
        corners = np.clip(drawn * np.array(image.size) - image.boxes[:, 2:] / 2, 0, room).round()
        moved.append(np.hstack([np.minimum(corners, room), image.boxes[:, 2:]]).astype(np.float32))
    return moved


def random_places(
    boxes: NDArray[np.float32], size: Sequence[int], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Boxes [N, 4] of the same sizes anywhere in an image (W, H), their corners on whole pixels."""
    room = np.maximum(np.array(size) - boxes[:, 2:], 0).astype(np.int64)
    return np.hstack([generator.integers(0, room, endpoint=True), boxes[:, 2:]]).astype(np.float32)
