"""Evaluation of saved lesion segmentations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..data import read_index, select
from ..data.lesion_boxes import of_labels
from ..metrics import HitRule, parse_hit_rule
from ..metrics.froc_hits import HIT_IOU
from .checks import refuse_twice, require_compared
from .classification import index_folder
from .delivery import deliver
from .errors import EvaluationError
from .findings_agreement import findings_agreement
from .findings_agreement_result import FindingsAgreement
from .frames import marked
from .known_lungs import KnownLungs
from .lesion_cases import draw_lesion_cases
from .lesion_froc import froc_curve, lesion_froc, precision_recall
from .lesion_images import TRUTH, LesionMeasure, measure_lesions
from .lesion_result import LesionEvaluation
from .lesion_run import MASKS, LesionRun, read_lesion_run
from .lesion_summary import lesion_outcomes, summarize_lesions
from .localization import detection_by_site
from .masks import OK, unknown_predictions
from .subgroups import cohorts


def evaluate_lesions(
    predictions_dir: str | Path,
    dataset_dir: str | Path,
    *,
    sites: Sequence[str] | None = None,
    split_column: str = "det_split",
    splits: Sequence[str] | None = None,
    lungs_dir: str | Path | None = None,
    hit: HitRule = HIT_IOU,
    box_labels: str | Sequence[str] | None = None,
    repeats: int = 2000,
    seed: int = 0,
    processes: int = 1,
    progress: bool = False,
) -> LesionEvaluation:
    """Compare the lesion masks and boxes in a folder with the true boxes of a data folder.

    Filled boxes are the true mask. Images with ``tb`` 0 have an empty one, and so have those whose ``boxes`` are
    ``[]``: Dice and IoU are 1 where nothing was predicted and 0 otherwise. Of other images without ``boxes`` nothing is
    known; of these with TB and a text in ``findings``, place and text are compared.

    Args:
        predictions_dir: output folder of the lesion segmentation that was run on ``dataset_dir``: ``REL_tb.png`` and,
            where they were saved, ``lesions.json``, ``REL_tb_probability.png``, ``predictions.csv`` and ``run.json``.
        dataset_dir: folder with ``index.csv``, or that file.
        sites: values of ``dataset`` to evaluate; all when empty.
        split_column: index column with the split of each row.
        splits: values of ``split_column`` to evaluate; all when empty.
        lungs_dir: output folder of lung_seg on ``dataset_dir``, for images whose lung mask the index does not name; of
            those without either, the index column ``lung_area_fraction`` counts where there is one.
        hit: which lesions are hits, see :func:`common.metrics.lesion_hits`: a least IoU, or "centre".
        box_labels: labels of the boxes to find, where a class was outlined by itself; images that have boxes of others
            alone have nothing to find. All when empty.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.
        processes: worker processes that compare images; 1 works in this one.
        progress: show a progress bar.

    Raises:
        DataIndexError: no index, or nothing selected.
        EvaluationError: a run that cannot be read, an image listed twice, no selected image with a truth, none of them
            compared, or labels of which no selected image has a box.
        RegionFileError: a ``lesions.json`` of another form.
    """
    try:
        rule = parse_hit_rule(hit)
    except ValueError as error:
        raise EvaluationError(str(error)) from error
    folder = index_folder(dataset_dir)
    index = read_index(folder)
    rows = select(index, sites=sites, split_column=split_column, splits=splits)
    refuse_twice(rows, folder)
    labels = _listed(box_labels)
    rows = _with_boxes_of(rows, labels)
    run, known = read_lesion_run(predictions_dir, folder), KnownLungs(folder, lungs_dir)
    measure = LesionMeasure(run, known, rule, split_column)
    images, lesions = measure_lesions(measure, rows, processes=processes, progress=progress)
    require_compared(images, run.folder, TRUTH)
    draws = {"repeats": repeats, "seed": seed}
    warnings = _warnings(run)
    selection: dict[str, Any] = {"sites": list(sites or []), "split_column": split_column, "splits": list(splits or [])}
    findings = _findings(run, folder, rows, selection | {"lungs_dir": lungs_dir}, warnings)
    return LesionEvaluation(
        per_image=images,
        lesions=lesions,
        summary=summarize_lesions(images, **draws),
        detection=detection_by_site(images, lesions, repeats, seed),
        froc=_by_site(images, lesions, lambda *of: pd.DataFrame(lesion_froc(*of, **draws))),
        froc_curve=_by_site(images, lesions, froc_curve),
        precision_recall=_by_site(images, lesions, precision_recall),
        outcomes=lesion_outcomes(images),
        findings=findings,
        unknown=unknown_predictions(run.folder, index, folder, name=MASKS),
        warnings=warnings,
        settings={
            "run": run.about,
            "dataset": str(folder),
            **selection,
            "lungs": None if lungs_dir is None else str(lungs_dir),
            "hit_rule": rule,
            "box_labels": labels,
            "bootstrap_repeats": repeats,
            "bootstrap_seed": seed,
        },
    )


def report_lesions(
    predictions_dir: str | Path,
    dataset_dir: str | Path,
    output_dir: str | Path,
    *,
    cases: int = 3,
    **options: Any,
) -> LesionEvaluation:
    """Evaluate saved lesions, write tables, charts and pictures, and print the tables.

    Args:
        predictions_dir: see :func:`evaluate_lesions`.
        dataset_dir: see :func:`evaluate_lesions`.
        output_dir: folder for what :meth:`.lesion_result.LesionEvaluation.save` writes and for the pictures in
            ``cases``.
        cases: best, median and worst images to draw, of each kind and site; 0 for none.
        options: those of :func:`evaluate_lesions`.

    Raises:
        DataIndexError: see :func:`evaluate_lesions`.
        EvaluationError: see :func:`evaluate_lesions`.
        RegionFileError: see :func:`evaluate_lesions`.
        OSError: the output folder cannot be written.
    """

    def draw(found: LesionEvaluation, pictures: Path) -> None:
        folder = index_folder(dataset_dir)
        run = read_lesion_run(predictions_dir, folder)
        index = _with_boxes_of(read_index(folder), _listed(options.get("box_labels")))
        draw_lesion_cases(found.per_image, index, run, output_dir=pictures, count=cases)

    return deliver(evaluate_lesions(predictions_dir, dataset_dir, **options), output_dir, draw if cases else None)


def _listed(labels: str | Sequence[str] | None) -> list[str]:
    return [labels] if isinstance(labels, str) else list(labels or [])


def _with_boxes_of(rows: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Rows of the index with the boxes of these labels alone; with all where none is named."""
    if not labels:
        return rows
    kept = rows["boxes"].map(lambda text: of_labels(text, labels))
    if not kept.str.strip().isin(["", "[]"]).all():
        return rows.assign(boxes=kept)
    raise EvaluationError(f"none of the {len(rows)} selected images has a box of the label {' or '.join(labels)}")


def _by_site(
    images: pd.DataFrame, lesions: pd.DataFrame, function: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """Tables of all sites, and of all of them together, in one."""
    parts = []
    for dataset, _, _, members in cohorts(images[images["status"] == OK]):
        own = lesions[lesions["image"].isin(members["image"])]
        parts.append(marked(function(members, own), {"dataset": dataset}))
    return pd.concat(parts, ignore_index=True)


def _findings(
    run: LesionRun, folder: Path, rows: pd.DataFrame, options: dict[str, Any], warnings: list[str]
) -> FindingsAgreement | None:
    if not (rows["tb"].isin(("1", "1.0")) & (rows["findings"].str.strip() != "")).any():
        return None
    try:
        return findings_agreement(run.folder, folder, **options)
    except EvaluationError as error:
        warnings.append(f"no agreement with the texts in findings: {error}")
        return None


def _warnings(run: LesionRun) -> list[str]:
    lines = []
    if run.regions is None:
        lines.append("no lesions.json was saved; connected components of the masks stand in for it")
    if run.record.get("complete") is False:
        lines.append("run.json says that the run is not complete")
    return lines
