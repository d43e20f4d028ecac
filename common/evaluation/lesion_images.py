"""Every image of a run that outlined lesions, compared with its truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..data.lesion_boxes import image_size, lesion_boxes
from ..data.parallel import parallel_map
from ..metrics import HitRule
from .errors import EvaluationError
from .known_lungs import NONE, KnownLungs
from .lesion_figures import LESION_COLUMNS, LESION_FIGURES, NO_BOXES, NORMAL, lesion_figures
from .lesion_run import LesionRun
from .masks import COUNTS, FAILED, MISSING, NO_TRUTH, OK, UNNAMED_SITE

#: Index column with the area of the lungs as a share of the image, for images without a lung mask.
LUNG_AREA = "lung_area_fraction"

#: ``truth`` is the labels of the true boxes, "normal" or "no boxes"; ``boxes`` counts true ones; ``lungs`` tells where
#: the area of the lungs comes from, which only normal images need.
TEXT_COLUMNS = ("dataset", "image", "patient_id", "split", "status", "reason", "truth", "lungs")
PER_IMAGE_COLUMNS = (*TEXT_COLUMNS, "boxes", *COUNTS, *LESION_FIGURES)

#: What images are compared with, in words.
TRUTH = "true boxes or tb 0"

#: What the label of boxes that have none is called.
_UNNAMED = "boxes"


@dataclass(frozen=True)
class LesionMeasure:
    """Compares one row of the index with what a run has of it; picklable, for several processes.

    Args:
        run: the run.
        known: lungs of normal images.
        rule: which lesions are hits.
        split_column: column of the index that is noted as the split of each image; none when empty.
    """

    run: LesionRun
    known: KnownLungs
    rule: HitRule
    split_column: str

    def __call__(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The row of the image, and one row a lesion."""
        about = {"dataset": row["dataset"] or UNNAMED_SITE, "image": row["image"]}
        outcome, lesions = self._outcome(row)
        more = {"patient_id": row["patient_id"], "split": row.get(self.split_column, "")}
        return {**about, **more, **outcome}, [{**about, **lesion} for lesion in lesions]

    def _outcome(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        image, text = row["image"], row["boxes"].strip()
        normal = row["tb"] in ("0", "0.0")
        if not (text or normal):
            return {"status": NO_TRUTH, "reason": "the index has no boxes, and tb is not 0"}, []
        try:
            if reason := self.run.missing(image):
                return {"status": MISSING, "reason": reason}, []
            mask = self.run.region_mask(image)
            self._check_size(image, mask.shape)
            labels, boxes = lesion_boxes(text or "[]", mask.shape)
            if normal and labels:
                raise EvaluationError(f"the index has tb 0 and {len(labels)} boxes")
            classes = " + ".join(sorted({label or _UNNAMED for label in labels}))
            area, source = self._lung_area(row, mask.shape) if normal else (np.nan, "")
            figures, lesions = lesion_figures(
                mask,
                self.run.found(image, mask),
                boxes.astype(np.float64),
                rule=self.rule,
                normal=normal,
                lung_area=area,
            )
        except (ValueError, OSError) as error:  # one unusable file must not take the rest along
            return {"status": FAILED, "reason": str(error)}, []
        truth = classes or (NORMAL if normal else NO_BOXES)
        about = {"status": OK, "reason": "", "truth": truth, "lungs": source, "boxes": len(labels)}
        return {**about, **figures}, lesions

    def _check_size(self, image: str, size: tuple[int, ...]) -> None:
        """Raise unless the mask has the size of its image; where that is not at hand, boxes have to fit, no more."""
        path = self.run.dataset_dir / image
        # Of other formats the whole file would have to be read.
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg") or not path.is_file():
            return
        whole = image_size(path)
        if whole != size:
            found, own = (" x ".join(map(str, pair)) for pair in (size, whole))
            raise EvaluationError(f"its predicted mask has {found} pixels, the image {own}")

    def _lung_area(self, row: Mapping[str, Any], size: tuple[int, ...]) -> tuple[float, str]:
        """Lungs as a share of the image, NaN where nothing is known; and where it comes from."""
        lungs, source = self.known(row, size)
        if lungs is not None:
            return float(lungs.mean()), source
        text = row.get(LUNG_AREA, "").strip()
        if not text:
            return np.nan, NONE
        try:
            area = float(text)
        except ValueError:
            area = np.nan
        if not 0 < area <= 1:
            raise EvaluationError(f"{LUNG_AREA} of the index is {text}; a share of the image above 0 is needed")
        return area, f"column {LUNG_AREA}"


def measure_lesions(
    measure: LesionMeasure, rows: pd.DataFrame, *, processes: int = 1, progress: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare all images.

    Args:
        measure: how.
        rows: rows of the index.
        processes: worker processes; 1 works in this one.
        progress: show a progress bar.

    Returns:
        One row an image with :data:`PER_IMAGE_COLUMNS`; ``status`` is "ok", "missing" (the run has nothing of it),
        "failed" (a file or box is unusable, ``reason`` says which) or "no truth" (no entry in ``boxes``, and ``tb`` is
        not 0). And one row a lesion: ``dataset``, ``image`` and :data:`.lesion_figures.LESION_COLUMNS`.
    """
    measured = parallel_map(
        measure, rows.to_dict("records"), processes=processes, description="comparing lesions", progress=progress
    )
    images = pd.DataFrame([image for image, _ in measured], columns=list(PER_IMAGE_COLUMNS))
    counts = ("boxes", *COUNTS, "false_positives", "lesions")
    images = images.astype(dict.fromkeys(counts, "Int64")).fillna(dict.fromkeys(TEXT_COLUMNS, ""))
    lesions = [lesion for _, each in measured for lesion in each]
    return images, pd.DataFrame(lesions, columns=["dataset", "image", *LESION_COLUMNS])
