"""Pictures of the best, median and worst images: radiograph, truth, prediction and their difference side by side."""

from __future__ import annotations

import logging
import re
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ..data.pixels import read_radiograph
from ..io import RadiographError
from ..io.mask_file import read_binary_mask, read_union
from ..metrics import SEGMENTATION_METRICS
from .files import write_figure
from .mask_files import MaskFinder
from .masks import FINAL, OK, MaskTask
from .tables import format_figure

logger = logging.getLogger(__name__)

KINDS = ("best", "median", "worst")

#: Colours that people with any kind of colour vision tell apart.
TRUTH, PREDICTION, FALSE_POSITIVE, FALSE_NEGATIVE = "#56b4e9", "#f0e442", "#d55e00", "#0072b2"

#: Longest side of a drawn picture in pixels; larger ones are thinned out, which a panel cannot show anyway.
_DRAWN_SIDE = 1024


def choose_cases(per_image: pd.DataFrame, count: int, tie: str = "hd95") -> pd.DataFrame:
    """The images of each site with the highest, middle and lowest Dice, HD95 deciding between equals.

    Args:
        per_image: table of :func:`.masks.evaluate_masks`.
        tie: column that decides between equals, lower is better.
        count: images of each kind and site. A site with fewer images shows each once, worst before best before median.

    Returns:
        The chosen rows, with the additional columns ``kind`` ("best", "median" or "worst") and ``rank`` (1 is the
        most extreme, or the one nearest to the median).
    """
    chosen: list[pd.Series] = []
    compared = per_image[(per_image["status"] == OK) & (per_image["stage"] == FINAL)]
    for _, site in compared.groupby("dataset", sort=False):
        # From worst to best; the image decides the rest, so that the choice never depends on the order of the index.
        ranked = site.sort_values(["dice", tie, "image"], ascending=[True, False, True]).reset_index(drop=True)
        middle = sorted(range(len(ranked)), key=lambda place: abs(place - (len(ranked) - 1) / 2))
        places = {"worst": range(len(ranked)), "best": range(len(ranked) - 1, -1, -1), "median": middle}
        taken: set[int] = set()
        for kind, order in places.items():
            free = [place for place in order if place not in taken][:count]
            taken |= set(free)
            chosen += [
                pd.concat([ranked.loc[place], pd.Series({"kind": kind, "rank": rank})])
                for rank, place in enumerate(free, start=1)
            ]
    return pd.DataFrame(chosen)


def draw_cases(
    per_image: pd.DataFrame,
    index: pd.DataFrame,
    *,
    task: MaskTask,
    predictions_dir: str | Path,
    dataset_dir: str | Path,
    output_dir: str | Path,
    count: int = 3,
) -> list[Path]:
    """Draw the cases of :func:`choose_cases` into ``output_dir``, in place of those of an earlier run.

    Args:
        per_image: table of :func:`.masks.evaluate_masks`.
        index: rows of the index that hold the evaluated images.
        task: what was evaluated.
        predictions_dir: folder of the predicted masks.
        dataset_dir: folder of the images and true masks.
        output_dir: folder for the pictures, ``SITE_KIND_RANK_NAME.png``; made when missing.
        count: pictures of each kind and site.

    Returns:
        The pictures that were written.
    """
    folder = empty_cases(output_dir)
    rows = index.set_index("image")
    find = MaskFinder(predictions_dir, dataset_dir, task.name)
    written = []
    for _, case in choose_cases(per_image, count).iterrows():
        truth = read_union([Path(dataset_dir) / path for path in task.truth(rows.loc[case["image"]])])
        prediction = read_binary_mask(find(case["image"]))
        figure = draw_case(read_picture(Path(dataset_dir) / case["image"], truth.shape), truth, prediction, case)
        path = case_path(folder, case)
        write_figure(path, figure, dots_per_inch=110)
        written.append(path)
    return written


def empty_cases(output_dir: str | Path) -> Path:
    """The folder for pictures of cases, made when missing; those of an earlier run are removed."""
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        for old in folder.glob(f"*_{kind}_[0-9]*_*.png"):
            old.unlink()
    return folder


def case_path(folder: Path, case: pd.Series, run: str = "") -> Path:
    """Where the picture of a case is written: ``[RUN_]SITE_KIND_RANK_NAME.png``."""
    parts = [run, case["dataset"], case["kind"], str(case["rank"]), PurePosixPath(case["image"]).stem]
    return folder / (re.sub(r"[^\w.-]+", "-", "_".join(filter(None, parts))) + ".png")


def draw_case(
    picture: NDArray[np.float32], truth: NDArray[np.bool_], prediction: NDArray[np.bool_], case: pd.Series
) -> Figure:
    """One image with its masks, as four panels.

    Args:
        picture: grey values, shape [rows, columns].
        truth: true mask of the same shape.
        prediction: predicted mask of the same shape.
        case: row of :func:`choose_cases`, for the title and the pixel size.
    """
    # Pixels that are higher than wide are drawn so: a squashed radiograph gets its true proportions back.
    aspect = case["spacing_y"] / case["spacing_x"] if case["unit"] == "mm" else 1.0
    figure = draw_masks(picture, truth, prediction, aspect)
    figures = [
        f"{info.label} {format_figure(metric, case[metric])}{' ' + case['unit'] if info.is_distance else ''}"
        for metric, info in SEGMENTATION_METRICS.items()
        if metric in ("dice", "iou", "hd95", "assd")
    ]
    figure.suptitle(f"{case['image']}   ({case['kind']} {case['rank']} of {case['dataset']})\n{'   '.join(figures)}")
    area = max(int(case["tp"] + case["fn"]), 1)
    legend = [
        Patch(color=FALSE_POSITIVE, label=f"false positive: {case['fp']:.0f} px, {case['fp'] / area:.1%} of the truth"),
        Patch(color=FALSE_NEGATIVE, label=f"false negative: {case['fn']:.0f} px, {case['fn'] / area:.1%} of the truth"),
    ]
    figure.legend(handles=legend, loc="outside lower right", ncols=2, fontsize=9, frameon=False)
    return figure


def draw_masks(
    picture: NDArray[np.float32], truth: NDArray[np.bool_], prediction: NDArray[np.bool_], aspect: float = 1.0
) -> Figure:
    """Radiograph, truth, prediction and their difference side by side, without a title.

    Args:
        picture: grey values, shape [rows, columns].
        truth: true mask of the same shape.
        prediction: predicted mask of the same shape.
        aspect: height of a pixel over its width.

    Returns:
        Figure of four panels whose axes are in pixels of the masks.
    """
    rows, columns = picture.shape
    step = -(-max(picture.shape) // _DRAWN_SIDE)
    picture, truth, prediction = picture[::step, ::step], truth[::step, ::step], prediction[::step, ::step]
    width = 3.6
    figure = Figure(figsize=(4 * width, width * rows * aspect / columns + 1.1), layout="constrained")
    panels: list[Axes] = list(figure.subplots(1, 4))
    dark, bright = np.percentile(picture, [1, 99])
    grey = np.clip((picture - dark) / max(bright - dark, 1e-6), 0, 1).astype(np.float32)
    colour = np.repeat(grey[..., None], 3, axis=2)
    layers = (
        ("radiograph", ()),
        ("truth", ((truth, TRUTH),)),
        ("prediction", ((prediction, PREDICTION),)),
        ("difference", ((prediction & ~truth, FALSE_POSITIVE), (truth & ~prediction, FALSE_NEGATIVE))),
    )
    for panel, (title, masks) in zip(panels, layers, strict=True):
        painted = _paint(colour, masks, 0.7 if title == "difference" else 0.35)
        panel.imshow(painted, aspect=aspect, extent=(0, columns, rows, 0))
        panel.set_title(title, fontsize=10)
        panel.set_axis_off()
    return figure


def _paint(
    picture: NDArray[np.float32], masks: tuple[tuple[NDArray[np.bool_], str], ...], opacity: float
) -> NDArray[np.float32]:
    painted = picture.copy()
    for mask, colour in masks:
        painted[mask] = (1 - opacity) * painted[mask] + opacity * np.array(to_rgb(colour))
    return painted


def read_picture(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Grey values as [rows, columns]; black, with a warning, where the image cannot be laid under its masks."""
    try:
        picture = read_radiograph(path)
    except RadiographError as error:
        logger.warning("no radiograph behind the masks: %s", error)
        return np.zeros(shape, dtype=np.float32)
    if picture.shape != shape:
        logger.warning("%s: rows and columns %s, its true mask has %s", path, picture.shape, shape)
        return np.zeros(shape, dtype=np.float32)
    return picture
