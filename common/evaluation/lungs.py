"""Evaluation of saved lung masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data import read_index, select
from ..data.lung_items import mask_columns
from .cases import draw_cases
from .checks import require_compared
from .delivery import deliver
from .masks import MaskTask, evaluate_masks, unknown_predictions
from .result import MaskEvaluation
from .spacing import SiteSpacing, site_spacing
from .summary import count_outcomes, summarize

#: Predictions ``REL_lungs.png``; the truth is ``lung_mask``, or the union of the left and the right one.
LUNGS = MaskTask("lungs", mask_columns)


def evaluate_lungs(
    predictions_dir: str | Path,
    dataset_dir: str | Path,
    *,
    sites: Sequence[str] | None = None,
    split_column: str = "seg_split",
    splits: Sequence[str] | None = None,
    spacing: SiteSpacing | None = None,
    tolerance: float | None = None,
    repeats: int = 2000,
    seed: int = 0,
    progress: bool = False,
) -> MaskEvaluation:
    """Compare the lung masks in a folder with the truth of a data folder.

    Args:
        predictions_dir: output folder of the lung segmentation that was run on ``dataset_dir``.
        dataset_dir: folder with ``index.csv``.
        sites: values of ``dataset`` to evaluate; all when empty.
        split_column: index column with the split of each row.
        splits: values of ``split_column`` to evaluate; all when empty.
        spacing: pixel size in mm by site, one number or (x, y); goes before the index columns spacing_x and spacing_y.
        tolerance: distance that surface Dice forgives, in mm (pixels where no spacing is known); None leaves surface
            Dice out.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.
        progress: show a progress bar.

    Raises:
        DataIndexError: no index, or nothing selected.
        EvaluationError: no folder of predictions, no selected image with a truth, or none of them compared.
    """
    index = read_index(dataset_dir)
    rows = select(index, sites=sites, split_column=split_column, splits=splits)
    pixels = site_spacing(spacing, index["dataset"])
    per_image = evaluate_masks(
        predictions_dir,
        rows,
        dataset_dir,
        task=LUNGS,
        split_column=split_column,
        spacing=pixels,
        tolerance=tolerance,
        progress=progress,
    )
    require_compared(per_image, predictions_dir, "a true lung mask")
    return MaskEvaluation(
        per_image=per_image,
        summary=summarize(per_image, repeats=repeats, seed=seed),
        outcomes=count_outcomes(per_image),
        unknown=unknown_predictions(predictions_dir, index, dataset_dir, name=LUNGS.name),
        settings={
            "task": LUNGS.name,
            "predictions": str(predictions_dir),
            "dataset": str(dataset_dir),
            "sites": list(sites or []),
            "split_column": split_column,
            "splits": list(splits or []),
            "spacing": {site: list(pixel) for site, pixel in pixels.items()},
            "surface_dice_tolerance": tolerance,
            "bootstrap_repeats": repeats,
            "bootstrap_seed": seed,
        },
    )


def report_lungs(
    predictions_dir: str | Path, dataset_dir: str | Path, output_dir: str | Path, *, cases: int = 3, **options: Any
) -> MaskEvaluation:
    """Evaluate saved lung masks, write tables, chart and pictures, and print the table.

    Args:
        predictions_dir: see :func:`evaluate_lungs`.
        dataset_dir: see :func:`evaluate_lungs`.
        output_dir: folder for what :meth:`.result.MaskEvaluation.save` writes and for the pictures in ``cases``.
        cases: best, median and worst images to draw, of each kind and site; 0 for none.
        options: those of :func:`evaluate_lungs`.

    Raises:
        DataIndexError: see :func:`evaluate_lungs`.
        EvaluationError: see :func:`evaluate_lungs`.
        OSError: the output folder cannot be written.
    """

    def draw(found: MaskEvaluation, pictures: Path) -> None:
        draw_cases(
            found.per_image,
            read_index(dataset_dir),
            task=LUNGS,
            predictions_dir=predictions_dir,
            dataset_dir=dataset_dir,
            output_dir=pictures,
            count=cases,
        )

    return deliver(evaluate_lungs(predictions_dir, dataset_dir, **options), output_dir, draw if cases else None)
