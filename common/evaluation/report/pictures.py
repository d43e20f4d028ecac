"""Small pictures of the worst cases, to be embedded in the page."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw
from scipy.ndimage import binary_erosion

from ...data.pixels import read_radiograph
from ...io.mask_file import read_binary_mask, read_union
from ...localization import draw_evidence
from ..cases import PREDICTION, TRUTH
from ..lesion_run import LesionRun, read_lesion_run
from ..localized_images import LocalizationRun, read_localization_run
from ..mask_files import MaskFinder
from ..true_boxes import true_boxes
from .build import Report
from .models import MASK_TASKS, Model
from .options import CLASSIFICATION, LESIONS, LOCALIZATION

logger = logging.getLogger(__name__)

#: Longest side of a picture in pixels.
SIDE = 260
_QUALITY = 82

#: Pictures as data URIs by task, run and image.
Pictures = dict[tuple[str, str, str], str]


def case_pictures(report: Report) -> Pictures:
    """Draw the listed cases whose radiograph, truth and prediction are at hand; the others are left out.

    Errors of classification show the radiograph and the evidence where it was saved; segmentation shows the truth as a
    tint and the prediction as an outline; localisation shows true and found boxes, lesions true boxes and the outline
    of what was found.
    """
    rows = report.index.set_index("image")
    located, outlined = _located(report), _outlined(report)
    drawn: Pictures = {}
    for task, part in report.record["tasks"].items():
        for case in part["errors"] if task == CLASSIFICATION else part["cases"]:
            image = case["image"]
            path = report.dataset_dir / image
            if not path.is_file():
                continue
            try:
                grey = _grey(read_radiograph(path))
                picture: Image.Image | None
                if task == CLASSIFICATION:
                    picture = _with_evidence(grey, _model(report, case["run"]), report.dataset_dir, image)
                elif task == LOCALIZATION:
                    run = located.get(case["run"])
                    picture = None if run is None else _with_boxes(grey, run, rows.loc[image], image)
                elif task == LESIONS:
                    picture = _with_lesions(grey, outlined[case["run"]], rows.loc[image], image)
                else:
                    picture = _with_masks(
                        grey, _model(report, case["run"]), report.dataset_dir, task, rows.loc[image], image
                    )
            except (ValueError, OSError) as error:  # one unusable file must not take the page along
                logger.warning("no picture of %s: %s", image, error)
                continue
            if picture is not None:
                drawn[task, case["run"], image] = _data_uri(picture)
    return drawn


def _model(report: Report, name: str) -> Model:
    return next(model for model in report.models if model.name == name)


def _located(report: Report) -> dict[str, LocalizationRun]:
    """Runs by the name that localisation gives them."""
    found = {}
    for model in report.models:
        runs = model.having(LOCALIZATION)
        for run in (run for run in runs if not run.evaluated):
            name = model.name if len(runs) == 1 else f"{model.name} ({run.folder.name})"
            found[name] = read_localization_run(run.folder, report.dataset_dir)
    return found


def _outlined(report: Report) -> dict[str, list[LesionRun]]:
    """Runs that outlined lesions, by model."""
    return {
        model.name: [
            read_lesion_run(run.folder, report.dataset_dir) for run in model.having(LESIONS) if not run.evaluated
        ]
        for model in report.models
    }


def _grey(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Grey values [rows, columns] in [0, 1], the outermost hundredths cut off."""
    dark, bright = np.percentile(pixels, [1, 99])
    return np.clip((pixels - dark) / max(float(bright - dark), 1e-6), 0, 1).astype(np.float32)


def _small(grey: NDArray[np.float32]) -> Image.Image:
    picture = Image.fromarray((grey * 255).astype(np.uint8)).convert("RGB")
    scale = SIDE / max(picture.size)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)


def _with_evidence(grey: NDArray[np.float32], model: Model, dataset_dir: Path, image: str) -> Image.Image:
    for run in (run for run in model.having(LOCALIZATION) if not run.evaluated):
        located = read_localization_run(run.folder, dataset_dir)
        if located.has_maps([image]):
            colour = Image.fromarray(draw_evidence(grey, located.evidence(image).T))
            plain = _small(grey)
            return _side_by_side(plain, colour.resize(plain.size, Image.Resampling.LANCZOS))
    return _small(grey)


def _with_masks(
    grey: NDArray[np.float32], model: Model, dataset_dir: Path, task: str, row: pd.Series, image: str
) -> Image.Image | None:
    finders = [MaskFinder(run.folder, dataset_dir, task) for run in model.having(task) if not run.evaluated]
    paths = [path for find in finders if (path := find(image)).is_file()]
    if not paths:
        return None
    truth = read_union([dataset_dir / name for name in MASK_TASKS[task][0].truth(row)])
    prediction = read_binary_mask(paths[0])
    plain = _small(grey)
    pixels = np.asarray(plain, dtype=np.float32).copy()
    inside = np.asarray(Image.fromarray(truth).resize(plain.size))
    pixels[inside] = 0.65 * pixels[inside] + 0.35 * np.array(ImageColor.getrgb(TRUTH))
    return _side_by_side(plain, _outline(Image.fromarray(pixels.astype(np.uint8)), prediction))


def _outline(picture: Image.Image, mask: NDArray[np.bool_]) -> Image.Image:
    """The picture with the rim of a mask [rows, columns] of any size."""
    pixels = np.asarray(picture).copy()
    found = np.asarray(Image.fromarray(mask).resize(picture.size))
    pixels[found & ~binary_erosion(found, iterations=2)] = ImageColor.getrgb(PREDICTION)
    return Image.fromarray(pixels)


def _with_lesions(grey: NDArray[np.float32], runs: list[LesionRun], row: pd.Series, image: str) -> Image.Image | None:
    run = next((run for run in runs if not run.missing(image)), None)
    if run is None:
        return None
    plain = _small(grey)
    painted = _outline(plain, run.region_mask(image).T)
    rows, columns = grey.shape
    boxes = true_boxes(row["boxes"].strip() or "[]", (columns, rows)).tolist()
    _draw_boxes(painted, [(box, TRUTH) for box in boxes], plain.width / columns)
    return _side_by_side(plain, painted)


def _with_boxes(grey: NDArray[np.float32], run: LocalizationRun, row: pd.Series, image: str) -> Image.Image:
    plain = _small(grey)
    rows, columns = grey.shape
    painted = plain.copy()
    boxes = [(box, TRUTH) for box in true_boxes(row["boxes"], (columns, rows)).tolist()]
    found = [(region.box, PREDICTION) for region in run.regions[image]]
    _draw_boxes(painted, [*boxes, *found], plain.width / columns)
    return _side_by_side(plain, painted)


def _draw_boxes(picture: Image.Image, boxes: Sequence[tuple[Sequence[float], str]], scale: float) -> None:
    """Outline boxes (x, y, w, h) in pixels of the source, each in its colour."""
    pen = ImageDraw.Draw(picture)
    for (x, y, w, h), colour in boxes:
        pen.rectangle([x * scale, y * scale, (x + w) * scale, (y + h) * scale], outline=colour, width=2)


def _side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    both = Image.new("RGB", (left.width + right.width + 4, left.height), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + 4, 0))
    return both


def _data_uri(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
