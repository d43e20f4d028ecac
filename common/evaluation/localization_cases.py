"""Pictures of the images that were localised best, middling and worst."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ..localization import Region, draw_evidence
from .cases import PREDICTION, TRUTH, case_path, choose_cases, empty_cases, read_picture
from .files import write_figure
from .localized_images import LocalizationRun
from .masks import FINAL
from .true_boxes import true_boxes


def draw_localization_cases(
    per_image: pd.DataFrame,
    index: pd.DataFrame,
    runs: Mapping[str, LocalizationRun],
    *,
    output_dir: str | Path,
    count: int = 3,
) -> list[Path]:
    """Draw the images of each run and site with the highest, middle and lowest Dice, in place of earlier pictures.

    Args:
        per_image: table of :class:`.localization_result.LocalizationEvaluation`; images without true boxes are not
            drawn. Of equal Dice, the image with more evidence inside the truth is the better one.
        index: rows of the index that hold the evaluated images.
        runs: the runs by name.
        output_dir: folder for the pictures, ``RUN_SITE_KIND_RANK_NAME.png``; made when missing.
        count: pictures of each run, kind and site.

    Returns:
        The pictures that were written.
    """
    folder = empty_cases(output_dir)
    texts = index.set_index("image")["boxes"]
    written = []
    for name, run in runs.items():
        images = per_image[(per_image["run"] == name) & (per_image["boxes"] > 0)]
        # The choice goes by Dice and then by a figure whose low values are good.
        ranked = images.assign(stage=FINAL, hd95=1 - images["evidence_share"].astype(np.float64))
        for _, case in choose_cases(ranked, count).iterrows():
            image = case["image"]
            mask = run.region_mask(image)
            evidence = run.evidence(image) if run.has_maps([image]) else np.zeros(mask.shape, dtype=np.float32)
            picture = read_picture(run.dataset_dir / image, mask.T.shape)
            truth = true_boxes(texts[image], mask.shape)
            figure = draw_localization_case(picture, truth, evidence, run.regions[image], case)
            path = case_path(folder, case, name)
            write_figure(path, figure, dots_per_inch=110)
            written.append(path)
    return written


def draw_localization_case(
    picture: NDArray[np.float32],
    truth: NDArray[np.float64],
    evidence: NDArray[np.float32],
    regions: list[Region],
    case: pd.Series,
) -> Figure:
    """One image as three panels: with its true boxes, with the evidence, with the regions and their scores.

    Args:
        picture: grey values, shape [rows, columns].
        truth: true boxes (x, y, w, h), shape [M, 4].
        evidence: map [W, H].
        regions: found boxes.
        case: row of the table of images with ``run``, ``kind`` and ``rank``.
    """
    rows, columns = picture.shape
    width = 4.2
    figure = Figure(figsize=(3 * width, width * rows / columns + 1.1), layout="constrained")
    nothing = np.zeros_like(evidence.T)
    for panel, title in zip(figure.subplots(1, 3), ("truth", "evidence", "regions"), strict=True):
        shown = draw_evidence(picture, evidence.T if title == "evidence" else nothing)
        panel.imshow(shown, extent=(0, columns, rows, 0))
        outline_boxes(panel, truth, TRUTH, "-")
        if title == "regions":
            outline_boxes(panel, np.array([region.box for region in regions]), PREDICTION, "--")
            for region in regions:
                x, y = region.box[:2]
                panel.text(x + 2, y + 2, f"{region.score:.2f}", color=PREDICTION, fontsize=8, va="top", clip_on=True)
        panel.set_title(title, fontsize=10)
        panel.set_axis_off()
    labels = {"dice": "Dice", "iou": "IoU", "iobb": "IoBB", "pointing": "pointing", "evidence_share": "evidence inside"}
    values = "   ".join(f"{label} {case[name]:.2f}" for name, label in labels.items() if not np.isnan(case[name]))
    figure.suptitle(f"{case['image']}   ({case['run']}: {case['kind']} {case['rank']} of {case['dataset']})\n{values}")
    legend = [
        Line2D([], [], color=TRUTH, label="true boxes"),
        Line2D([], [], color=PREDICTION, linestyle="--", label="regions, with their scores"),
    ]
    figure.legend(handles=legend, loc="outside lower right", ncols=2, fontsize=9, frameon=False)
    return figure


def outline_boxes(panel: Axes, boxes: NDArray[np.float64], colour: str, style: str) -> None:
    """Draw boxes (x, y, w, h), shape [N, 4], on a panel whose axes are in pixels of the image."""
    for x, y, w, h in boxes:
        panel.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor=colour, linestyle=style, linewidth=1.6))
