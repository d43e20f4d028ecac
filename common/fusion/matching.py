"""Which marks of which raters, and which picture, belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data import INDEX_NAME, read_index
from ..io import find_radiographs
from .errors import FusionError
from .raters import Marks, Rater, image_key


@dataclass(frozen=True)
class ImageMarks:
    """All marks of one image.

    Attributes:
        key: what :func:`.raters.image_key` calls it.
        pictures: the picture files of that name; none when no folder of pictures was given.
        marks: the marks of each rater, in the order of the raters; none for a rater who has not read the image, several
            where a rater's files hold it more than once.
    """

    key: str
    pictures: tuple[Path, ...]
    marks: tuple[tuple[Marks, ...], ...]


def find_pictures(folder: Path, exclude: Path | None = None) -> dict[str, list[Path]]:
    """The radiographs in a folder by :func:`.raters.image_key`.

    Args:
        folder: a data folder, whose ``index.csv`` names its radiographs, or any other, which is searched with all its
            subfolders.
        exclude: a folder to leave out of the search, that of the results.

    Raises:
        UsageError: no such folder, no radiograph in it, or an index that cannot be read.
    """
    if (folder / INDEX_NAME).is_file():
        names = [name for name in read_index(folder)["image"] if name]
    else:
        try:
            names = [path.relative_to(folder).as_posix() for path in find_radiographs(folder, exclude=exclude)]
        except (OSError, ValueError) as error:
            raise FusionError(str(error)) from error
    found: dict[str, list[Path]] = {}
    for name in names:
        found.setdefault(image_key(name), []).append(folder / name)
    return found


def match_images(
    raters: Sequence[Rater], pictures: Mapping[str, Sequence[Path]], *, min_raters: int
) -> list[ImageMarks]:
    """All images that a rater has marks of, sorted.

    Args:
        raters: the raters.
        pictures: picture files by key; empty when no folder of pictures was given.
        min_raters: how many raters an image needs.

    Raises:
        FusionError: no image has enough raters.
    """
    keys = sorted({key for rater in raters for key in rater.marks})
    images = [
        ImageMarks(key, tuple(pictures.get(key, ())), tuple(tuple(rater.marks.get(key, ())) for rater in raters))
        for key in keys
    ]
    if not any(sum(map(bool, image.marks)) >= min_raters for image in images):
        examples = ", ".join(f"{rater.name} has {min(rater.marks)}" for rater in raters)
        raise FusionError(
            f"no image has the marks of {min_raters} raters; they are matched by path without extension: {examples}"
        )
    return images
