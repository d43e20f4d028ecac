"""A made-up data folder with true boxes and normal images, and runs that outlined lesions on it; figures by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from made_up_regions import HEIGHT, WIDTH, Box, MadeUpRegions, picture, save
from made_up_scores import write_rows

from common.localization import Region, write_regions

#: Image -> true boxes; None: normal.
TRUTH: dict[str, list[Box] | None] = {
    "a": [(10, 10, 20, 20)],
    "b": [(10, 10, 20, 20), (60, 40, 20, 20)],
    "c": [(10, 10, 20, 20)],
    "d": None,
    "e": None,
}
#: Image -> predicted lesions, each a filled box, with scores. One hit; one hit, one miss and one false positive; one
#: that overlaps by a third; a false positive; nothing.
FOUND: dict[str, list[tuple[Box, float]]] = {
    "a": [((10, 10, 20, 20), 0.9)],
    "b": [((60, 40, 20, 20), 0.6), ((80, 0, 10, 10), 0.7)],
    "c": [((20, 10, 20, 20), 0.8)],
    "d": [((0, 0, 12, 12), 0.95)],
    "e": [],
}
#: Lungs of the normal image d: half of the image.
LUNGS = ((0, 0, WIDTH // 2, HEIGHT), 255)


def make_lesions(folder: Path) -> MadeUpRegions:
    """The images of :data:`TRUTH` at the site north, each of a patient of its own; d has a lung mask."""
    made = MadeUpRegions(folder / "data")
    for name, boxes in TRUTH.items():
        made.add_image(name, boxes, tb=str(int(boxes is not None)))
    save(made.data / "lungs/d.png", picture([LUNGS]))
    made.change("d", lung_mask="lungs/d.png")
    return made


def make_lesion_run(
    made: MadeUpRegions, folder: str = "run", changes: Mapping[str, Sequence[tuple[Box, float]]] | None = None
) -> Path:
    """A run with :data:`FOUND`, or other lesions on some images."""
    run = made.data.parent / folder
    found = {**FOUND, **(changes or {})}
    for name, lesions in found.items():
        save(mask_path(run, name), picture([(box, 255) for box, _ in lesions]))
    regions = {made.image(name): [Region(box, score) for box, score in lesions] for name, lesions in found.items()}
    write_regions(run / "lesions.json", regions)
    rows = [{"image": made.image(name), "status": "ok", "reason": "", "flags": ""} for name in found]
    write_rows(run / "predictions.csv", rows)
    (run / "run.json").write_text(json.dumps({"bundle": "tb_seg", "complete": True, "weights_sha256": "ab" * 32}))
    return run


def mask_path(run: Path, name: str) -> Path:
    """Where the mask of an image lies."""
    return run / f"north/images/{name}_tb.png"


def save_probability(run: Path, name: str, probability: np.ndarray) -> None:
    """Save a probability map [rows, columns] in [0, 1]."""
    save(run / f"north/images/{name}_tb_probability.png", np.round(255 * probability).astype(np.uint8))
