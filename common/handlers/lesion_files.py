"""``lesions.json`` of a run that outlined lesions."""

from __future__ import annotations

import json

from ignite.engine import Engine, Events

from ..localization import Region, write_regions
from .prediction_record import PredictionRecord
from .ranks import is_main_process

LESIONS = "lesions.json"


class LesionFiles:
    """Handler that writes the lesions of all images of a run when it ends, those of an earlier run it resumes included.

    ``lesions.json`` has the form of :func:`common.localization.write_regions`: boxes in source pixels, and the mean
    probability of each lesion as score.

    Args:
        record: the account of the run; attach it before this handler.
    """

    def __init__(self, record: PredictionRecord) -> None:
        self.record = record

    def attach(self, engine: Engine) -> None:
        """Register on the evaluator."""
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Engine | None = None) -> None:
        if not is_main_process():
            return
        done = {name: row for name, row in self.record.rows.items() if row["status"] == "ok"}
        lesions = {
            name: [Region(tuple(entry["box"]), entry["score"]) for entry in json.loads(row["lesion_boxes"])]
            for name, row in done.items()
        }
        write_regions(self.record.output_dir / LESIONS, lesions)
