"""Pictures of the images whose lesions were outlined best, middling and worst, and of the worst normal images."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ..data.lesion_boxes import lesion_boxes
from ..localization import Region, fill_boxes
from .cases import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    PREDICTION,
    TRUTH,
    case_path,
    choose_cases,
    draw_masks,
    empty_cases,
    read_picture,
)
from .files import write_figure
from .lesion_figures import NORMAL
from .lesion_run import LesionRun
from .localization_cases import outline_boxes
from .masks import FINAL, OK


def draw_lesion_cases(
    per_image: pd.DataFrame, index: pd.DataFrame, run: LesionRun, *, output_dir: str | Path, count: int = 3
) -> list[Path]:
    """Draw cases of each site, in place of earlier pictures.

    Args:
        per_image: table of :func:`.lesion_images.measure_lesions`. Of images with true boxes those with the highest,
            middle and lowest Dice are drawn, the absolute area error deciding between equals; of normal images those
            with the most false positive area, as kind "worst" of the site "SITE-normal".
        index: rows of the index that hold the evaluated images.
        run: what was evaluated.
        output_dir: folder for the pictures, ``SITE_KIND_RANK_NAME.png``; made when missing.
        count: pictures of each kind and site.

    Returns:
        The pictures that were written.
    """
    folder = empty_cases(output_dir)
    texts = index.set_index("image")["boxes"]
    compared = per_image[per_image["status"] == OK].assign(stage=FINAL)
    cases = choose_cases(compared[compared["boxes"] > 0], count, "area_error_absolute")
    normal = worst_normal(compared, count)
    normal["dataset"] += "-normal"
    written = []
    # Not joined to one table, where a rank beside none would become a broken number.
    for _, case in chain(cases.iterrows(), normal.iterrows()):
        image = case["image"]
        mask = run.region_mask(image)
        _, boxes = lesion_boxes(texts[image].strip() or "[]", mask.shape)
        picture = read_picture(run.dataset_dir / image, mask.T.shape)
        figure = draw_lesion_case(picture, boxes.astype(np.float64), mask, run.found(image, mask), case)
        path = case_path(folder, case)
        write_figure(path, figure, dots_per_inch=110)
        written.append(path)
    return written


def draw_lesion_case(
    picture: NDArray[np.float32],
    truth: NDArray[np.float64],
    mask: NDArray[np.bool_],
    lesions: list[Region],
    case: pd.Series,
) -> Figure:
    """One image as four panels: radiograph, true boxes, prediction with the scores of its lesions, and difference.

    Args:
        picture: grey values, shape [rows, columns].
        truth: true boxes (x, y, w, h), shape [M, 4].
        mask: predicted mask [W, H].
        lesions: predicted lesions.
        case: row of the table of images with ``kind`` and ``rank``.
    """
    figure = draw_masks(picture, fill_boxes(truth.tolist(), mask.shape).T, mask.T)
    _, true, predicted, difference = figure.axes
    outline_boxes(true, truth, TRUTH, "-")
    outline_boxes(difference, truth, TRUTH, "-")
    outline_boxes(predicted, np.array([lesion.box for lesion in lesions]), PREDICTION, "--")
    for lesion in lesions:
        x, y = lesion.box[:2]
        # On a dark patch, for the text has the colour of the mask that it stands on.
        patch = {"facecolor": "black", "alpha": 0.6, "pad": 1, "linewidth": 0}
        style: dict[str, Any] = {"color": PREDICTION, "fontsize": 8, "va": "top", "bbox": patch}
        predicted.text(x + 2, y + 2, f"{lesion.score:.2f}", clip_on=True, **style)
    labels = {"dice": "Dice", "iou": "IoU", "found": "true boxes found", "area_error": "area error"}
    labels |= {"false_positive_share": "of the lungs"}
    values = [f"{label} {case[name]:.3g}" for name, label in labels.items() if not np.isnan(case[name])]
    figure.suptitle(f"{case['image']}   ({case['kind']} {case['rank']} of {case['dataset']})\n{'   '.join(values)}")
    legend = [
        Line2D([], [], color=TRUTH, label="true boxes"),
        Line2D([], [], color=PREDICTION, linestyle="--", label="lesions, with their scores"),
        Patch(color=FALSE_POSITIVE, label="false positive area"),
        Patch(color=FALSE_NEGATIVE, label="false negative area"),
    ]
    figure.legend(handles=legend, loc="outside lower right", ncols=4, fontsize=9, frameon=False)
    return figure


def worst_normal(compared: pd.DataFrame, count: int) -> pd.DataFrame:
    """Normal images of each site with the most predicted area, where there is any.

    Args:
        compared: table of :func:`.lesion_images.measure_lesions`, compared images only.
        count: images of each site.

    Returns:
        The chosen rows, with the columns ``kind`` ("worst") and ``rank``.
    """
    normal = compared[(compared["truth"] == NORMAL) & (compared["predicted_area"] > 0)]
    order = normal.sort_values(["predicted_area", "image"], ascending=[False, True])
    chosen = order.groupby("dataset", sort=False).head(count)
    return chosen.assign(kind="worst", rank=chosen.groupby("dataset").cumcount() + 1)
