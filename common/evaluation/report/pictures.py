"""Small pictures of the worst cases, to be embedded in the page."""

from __future__ import annotations

import base64
import io
import logging
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
from ..localized_images import LocalizationRun, read_localization_run
from ..mask_files import MaskFinder
from ..true_boxes import true_boxes
from .build import Report
from .models import MASK_TASKS, Model
from .options import CLASSIFICATION, LOCALIZATION

logger = logging.getLogger(__name__)

#: Longest side of a picture in pixels.
SIDE = 260
_QUALITY = 82

#: Pictures as data URIs by task, run and image.
Pictures = dict[tuple[str, str, str], str]


def case_pictures(report: Report) -> Pictures:
    """Draw the listed cases whose radiograph, truth and prediction are at hand; the others are left out.

    Errors of classification show the radiograph and the evidence where it was saved; segmentation shows the truth as a
    tint and the prediction as an outline; localisation shows true and found boxes.
    """
    rows = report.index.set_index("image")
    located = _located(report)
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
                    picture = _with_boxes(grey, located[case["run"]], rows.loc[image], image)
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
        for run in runs:
            name = model.name if len(runs) == 1 else f"{model.name} ({run.folder.name})"
            found[name] = read_localization_run(run.folder, report.dataset_dir)
    return found


def _grey(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Grey values [rows, columns] in [0, 1], the outermost hundredths cut off."""
    dark, bright = np.percentile(pixels, [1, 99])
    return np.clip((pixels - dark) / max(float(bright - dark), 1e-6), 0, 1).astype(np.float32)


def _small(grey: NDArray[np.float32]) -> Image.Image:
    picture = Image.fromarray((grey * 255).astype(np.uint8)).convert("RGB")
    scale = SIDE / max(picture.size)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)


def _with_evidence(grey: NDArray[np.float32], model: Model, dataset_dir: Path, image: str) -> Image.Image:
    for run in model.having(LOCALIZATION):
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
    inside, found = (np.asarray(Image.fromarray(mask).resize(plain.size)) for mask in (truth, prediction))
    pixels[inside] = 0.65 * pixels[inside] + 0.35 * np.array(ImageColor.getrgb(TRUTH))
    pixels[found & ~binary_erosion(found, iterations=2)] = ImageColor.getrgb(PREDICTION)
    return _side_by_side(plain, Image.fromarray(pixels.astype(np.uint8)))


def _with_boxes(grey: NDArray[np.float32], run: LocalizationRun, row: pd.Series, image: str) -> Image.Image:
    plain = _small(grey)
    rows, columns = grey.shape
    scale = plain.width / columns
    painted = plain.copy()
    pen = ImageDraw.Draw(painted)
    boxes = [(box, TRUTH) for box in true_boxes(row["boxes"], (columns, rows)).tolist()]
    for (x, y, w, h), colour in [*boxes, *((region.box, PREDICTION) for region in run.regions[image])]:
        pen.rectangle([x * scale, y * scale, (x + w) * scale, (y + h) * scale], outline=colour, width=2)
    return _side_by_side(plain, painted)


def _side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    both = Image.new("RGB", (left.width + right.width + 4, left.height), "white")
    both.paste(left, (0, 0))
    both.paste(right, (left.width + 4, 0))
    return both


def _data_uri(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
