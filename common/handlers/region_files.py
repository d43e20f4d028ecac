"""``regions.json`` and ``index.csv`` of a run that localised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from ..data import INDEX_NAME
from ..io import RadiographLayout, write_csv
from ..localization import Region, write_regions
from .prediction_record import PredictionRecord
from .ranks import is_main_process

REGIONS = "regions.json"
INDEX_COLUMNS = ("image", "tb", "tb_probability", "boxes", "region_mask")


class RegionFiles:
    """Handler that writes the regions of all images of a run when it ends, those of an earlier run it resumes included.

    ``regions.json`` is that of :func:`common.localization.write_regions`. ``index.csv`` has one row an image, for
    training on the regions: ``image`` (path below the data folder), ``tb`` (0/1 as decided), ``tb_probability``,
    ``boxes`` (JSON list of ``{"label": "weak", "xywh": [x, y, w, h], "score": s}`` in source pixels) and
    ``region_mask`` (path of the filled boxes below the output folder).

    Args:
        record: the account of the run; attach it before this handler.
        layout: names of the files with the filled boxes.
    """

    def __init__(self, record: PredictionRecord, layout: RadiographLayout) -> None:
        self.record = record
        self.layout = layout

    def attach(self, engine: Engine) -> None:
        """Register on the evaluator."""
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Engine | None = None) -> None:
        if not is_main_process():
            return
        done = {name: row for name, row in sorted(self.record.rows.items()) if row["status"] == "ok"}
        regions = {
            name: [Region((x, y, w, h), score) for (x, y, w, h), score in _parse(row)] for name, row in done.items()
        }
        write_regions(self.record.output_dir / REGIONS, regions)
        rows = [self._row(name, row) for name, row in done.items()]
        write_csv(self.record.output_dir / INDEX_NAME, rows, INDEX_COLUMNS)

    def _row(self, name: str, row: dict[str, Any]) -> dict[str, Any]:
        boxes = [{"label": "weak", "xywh": box, "score": score} for box, score in _parse(row)]
        mask = Path(self.layout.path(self.record.dataset_dir / name))
        return {
            "image": name,
            "tb": row["tb"],
            "tb_probability": row["tb_probability"],
            "boxes": json.dumps(boxes),
            "region_mask": mask.relative_to(self.record.output_dir).as_posix(),
        }


def _parse(row: dict[str, Any]) -> list[tuple[list[int], float]]:
    return [(entry["box"], entry["score"]) for entry in json.loads(row["regions"])]
