"""A made-up data folder with true boxes, and output folders of runs that localised on it; figures known by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from made_up_scores import read_rows, write_rows
from numpy.typing import NDArray
from PIL import Image

from common.localization import Region, write_regions

#: Of every image; different, so that no exchange of axes goes unnoticed.
WIDTH, HEIGHT = 96, 72

Box = tuple[int, int, int, int]

#: Image -> true boxes; None where the index knows none.
TRUTH: dict[str, list[Box] | None] = {
    "a": [(10, 10, 20, 20)],
    "b": [(10, 10, 20, 20)],
    "c": [(10, 10, 20, 20), (60, 40, 20, 20)],
    "d": [],
    "e": [],
    "f": None,
}
#: Image -> found boxes with scores.
FOUND: dict[str, list[tuple[Box, float]]] = {
    "a": [((10, 10, 20, 20), 0.9)],
    "b": [((20, 10, 20, 20), 0.8)],
    "c": [((10, 10, 20, 20), 0.7), ((50, 0, 10, 10), 0.6)],
    "d": [((0, 0, 12, 12), 0.95)],
    "e": [],
    "f": [],
}
#: Image -> blocks of evidence with their grey value, 255 the strongest.
EVIDENCE: dict[str, list[tuple[Box, int]]] = {
    "a": [((10, 20, 10, 10), 255), ((60, 0, 10, 10), 51)],
    "b": [((30, 10, 10, 20), 255)],
    "c": [((60, 50, 10, 10), 255), ((50, 0, 10, 10), 255)],
    "d": [((0, 0, 12, 12), 255)],
    "e": [],
    "f": [],
}

Blocks = Sequence[tuple[Sequence[int], int]]


def picture(blocks: Blocks) -> NDArray[np.uint8]:
    """Blocks (x, y, w, h) with their values, the higher one where they overlap, as [rows, columns]."""
    pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for (x, y, w, h), value in blocks:
        part = pixels[y : y + h, x : x + w]
        part[:] = np.maximum(part, value)
    return pixels


def save(path: Path, pixels: NDArray[Any]) -> None:
    """Write a picture; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@dataclass(frozen=True)
class MadeUpRegions:
    """Where things are: ``data`` with index.csv and images; runs lie beside it."""

    data: Path

    def image(self, name: str) -> str:
        """Path of an image below the data folder."""
        return f"north/images/{name}.png"

    def index(self) -> list[dict[str, str]]:
        """The rows of ``index.csv``."""
        return read_rows(self.data / "index.csv")

    def write_index(self, rows: list[dict[str, Any]]) -> None:
        """Write ``index.csv``."""
        write_rows(self.data / "index.csv", rows)

    def change(self, name: str, **values: str) -> None:
        """Change the row of an image in the index."""
        self.write_index([row | values if row["image"] == self.image(name) else row for row in self.index()])

    def add_image(self, name: str, boxes: Sequence[Sequence[float]] | None, **values: str) -> None:
        """Add an image to the index, and its file."""
        noise = np.random.default_rng(0).integers(0, 200, (HEIGHT, WIDTH)).astype(np.uint8)
        save(self.data / self.image(name), noise)
        text = "" if boxes is None else json.dumps([{"label": "active", "xywh": list(box)} for box in boxes])
        row = {"dataset": "north", "image": self.image(name), "patient_id": name, "tb": "1", "boxes": text}
        rows = self.index() if (self.data / "index.csv").is_file() else []
        self.write_index([*rows, row | {"det_split": "val"} | values])

    def run(self, folder: str, **settings: Any) -> Path:
        """Make an output folder without any image; ``settings`` are those of localize.yaml."""
        path = self.data.parent / folder
        path.mkdir()
        write_regions(path / "regions.json", {})
        values = {"method": "cam", "layer": None, "region_rule": "fraction", "region_value": 0.5}
        values |= {"min_region_area": 0.01, "max_regions": None, "lung_crop": True} | settings
        crop = values.pop("lung_crop")
        record = {"weights_sha256": "ab" * 32, "settings": {"regions": list(values.values()), "lung_crop": crop}}
        (path / "run.json").write_text(json.dumps(record))
        return path

    def localise(self, run: Path, name: str, blocks: Blocks, found: Sequence[tuple[Sequence[int], float]]) -> None:
        """Save map, filled boxes and regions of one image."""
        self.save_evidence(run, name, picture(blocks))
        save(run / f"north/images/{name}_regions.png", picture([(box, 255) for box, _ in found]))
        content = json.loads((run / "regions.json").read_text())
        regions = {image: [Region(tuple(e["box"]), e["score"]) for e in entries] for image, entries in content.items()}
        regions[self.image(name)] = [Region((box[0], box[1], box[2], box[3]), score) for box, score in found]
        write_regions(run / "regions.json", regions)

    def save_evidence(self, run: Path, name: str, pixels: NDArray[Any]) -> Path:
        """Save the map of one image; returns its path."""
        path = run / f"north/images/{name}_evidence.png"
        save(path, pixels)
        return path


def make_regions(folder: Path) -> MadeUpRegions:
    """The images of :data:`TRUTH` at the site north, each of a patient of its own."""
    made = MadeUpRegions(folder / "data")
    for name, boxes in TRUTH.items():
        made.add_image(name, boxes)
    return made


def make_run(made: MadeUpRegions, folder: str = "run", **settings: Any) -> Path:
    """A run with :data:`FOUND` and :data:`EVIDENCE`."""
    run = made.run(folder, **settings)
    for name in TRUTH:
        made.localise(run, name, EVIDENCE[name], FOUND[name])
    return run
