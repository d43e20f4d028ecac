"""Fusion of all images of a study, and its files."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from ..data.parallel import parallel_map
from ..io import atomic_write, write_csv, write_json
from .image_fusion import FAILED, OK, REFUSED, FusionSettings, ImageResult, fuse_image
from .matching import find_pictures, match_images
from .page import reader_page
from .raters import Rater
from .tables import Agreement, image_rows, pair_rows, rater_rows, reader_image_rows, study_agreement

BASE_COLUMNS = ("image", "status", "reason", "flags")
RUN = "run.json"
_PACKAGES = ("cxr-tb-common", "numpy", "scipy", "scikit-image", "monai")


@dataclass(frozen=True)
class StudyResult:
    """What became of a study.

    Attributes:
        images: what became of each image that a rater has read, sorted by name.
        unread: keys of the pictures that nobody has read, sorted.
    """

    images: list[ImageResult]
    unread: list[str]


def fuse_study(
    raters: Sequence[Rater], settings: FusionSettings, *, processes: int = 1, progress: bool = True
) -> StudyResult:
    """Fuse every image that the raters have read, and write masks, tables, the page of readers and ``run.json``.

    The files are those that ``common/fusion/README.md`` lists. The number of processes has no influence on them, but
    for the seconds in ``run.json``.

    Args:
        raters: the raters, two at least.
        settings: how they are fused.
        processes: worker processes.
        progress: whether to draw a progress bar; without a terminal it is never drawn.

    Raises:
        UsageError: no image has enough raters, or the folder of pictures cannot be used.
        OSError: the results cannot be written.
    """
    began = time.monotonic()
    folder = settings.output_dir
    pictures = find_pictures(settings.images_dir, exclude=folder) if settings.images_dir is not None else {}
    images = match_images(raters, pictures, min_raters=settings.needed)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / RUN, {"complete": False, "settings": settings.record()})
    results = parallel_map(
        partial(fuse_image, settings), images, processes=processes, description="fusing", progress=progress
    )
    agreement = study_agreement(results, settings.raters)
    unread = sorted(set(pictures) - {image.key for image in images})
    _write(raters, settings, results, agreement)
    record: dict[str, Any] = {
        "complete": True,
        "settings": settings.record(),
        "raters": [
            {"name": rater.name, "path": str(rater.path), "kind": rater.kind, "images": len(rater.marks)}
            for rater in raters
        ],
        "counts": {status: sum(result.status == status for result in results) for status in (OK, REFUSED, FAILED)},
        "not_converged": sum("not_converged" in result.flags for result in results),
        "pictures_nobody_has_read": unread,
        "agreement": agreement.record(),
        "packages": {name: version(name) for name in _PACKAGES},
        "seconds": round(time.monotonic() - began, 2),
    }
    write_json(folder / RUN, record)
    return StudyResult(results, unread)


def _write(
    raters: Sequence[Rater], settings: FusionSettings, results: Sequence[ImageResult], agreement: Agreement
) -> None:
    folder = settings.output_dir
    regions = {result.image: list(result.regions) for result in results if result.status == OK}
    with atomic_write(folder / "regions.json") as stream:
        # One image a line: thousands of boxes with a number a line would be of use to nobody.
        lines = [f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(boxes)}" for name, boxes in regions.items()]
        stream.write(("{\n" + ",\n".join(lines) + "\n}\n").encode())
    rows = image_rows(results)
    extra = dict.fromkeys(name for row in rows for name in row if name not in BASE_COLUMNS)
    write_csv(folder / "images.csv", rows, [*BASE_COLUMNS, *extra])
    readers = rater_rows(results, raters)
    pairs = pair_rows(results, settings.raters)
    for name, table in (
        ("reader_images.csv", reader_image_rows(results)),
        ("readers.csv", readers),
        ("pairs.csv", pairs),
    ):
        write_csv(folder / name, table, list(table[0]) if table else [])
    with atomic_write(folder / "readers.html") as stream:
        stream.write(reader_page(settings, results, readers, pairs, agreement).encode())
