"""A made-up data folder with labels, and the output folder of a classifier that was run on it."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WEIGHTS = "ab" * 32


@dataclass(frozen=True)
class MadeUpScores:
    """Where things are: ``data`` with index.csv, ``run`` with predictions.csv and run.json."""

    data: Path
    run: Path

    def write_index(self, rows: list[dict[str, str]]) -> None:
        """Write ``index.csv``."""
        write_rows(self.data / "index.csv", rows)

    def index(self) -> list[dict[str, str]]:
        """The rows of ``index.csv``."""
        return read_rows(self.data / "index.csv")

    def predictions(self) -> list[dict[str, str]]:
        """The rows of ``predictions.csv``."""
        return read_rows(self.run / "predictions.csv")

    def write_predictions(self, rows: list[dict[str, Any]], folder: Path | None = None) -> Path:
        """Write ``predictions.csv`` and a ``run.json``."""
        folder = folder or self.run
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(folder / "predictions.csv", rows)
        record = {"bundle": "tb_cls", "version": "0.1.0", "complete": True, "weights_sha256": WEIGHTS}
        (folder / "run.json").write_text(json.dumps(record))
        return folder

    def scored(self, scores: dict[str, float]) -> list[dict[str, Any]]:
        """Rows of predictions with these scores: the sigmoid, and threshold 0.5."""
        return [
            {
                **{"image": image, "status": "ok", "reason": "", "flags": "", "tb_score": f"{score:.6f}"},
                **{"tb_probability": f"{1 / (1 + np.exp(-score)):.6f}", "tb": int(score >= 0)},
            }
            for image, score in scores.items()
        ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a CSV file with the columns of all rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def make_scores(folder: Path) -> MadeUpScores:
    """Sites north (60 images) and south (40), half of each positive, each image a patient.

    Log-odds are true at north: an image of score z is positive with probability sigmoid(z). Scores of south lie 2.5
    too high. The first 40 of north and 20 of south are of the split val, the others of the split test.
    """
    made = MadeUpScores(folder / "data", folder / "run")
    random = np.random.default_rng(7)
    rows, scores = [], {}
    for site, count, shift, val in (("north", 60, 0.0, 40), ("south", 40, 2.5, 20)):
        for number in range(count):
            positive = number % 2
            image = f"{site}/images/{number:02}.png"
            # Two normal distributions 2 apart with variance 2: their log-odds are normal around +-2 with variance 4.
            scores[image] = 2 * (2 * positive - 1) + 2 * random.normal() + shift
            rows.append(
                {
                    **{"dataset": site, "image": image, "patient_id": f"{number:03}", "tb": str(positive)},
                    **{"sex": "FM"[number // 2 % 2], "age": str(10 + number), "findings": f"text {number}"},
                    "cls_split": "val" if number < val else "test",
                }
            )
    made.write_index(rows)
    made.write_predictions(made.scored(scores))
    return made
