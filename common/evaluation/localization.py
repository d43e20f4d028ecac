"""Evaluation of saved evidence maps and regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from ..data import read_index, select
from .checks import refuse_twice, require_compared
from .classification import index_folder
from .delivery import deliver
from .detection_figures import detection_figures
from .frames import by_run, marked
from .localization_cases import draw_localization_cases
from .localization_figures import IMAGE_FIGURES, REGION_COLUMNS, image_figures
from .localization_result import LocalizationEvaluation
from .localization_summary import localization_outcomes, paired_localization, summarize_localization
from .localized_images import LocalizationRun, read_localization_run
from .masks import FAILED, MISSING, NO_TRUTH, OK, UNNAMED_SITE
from .subgroups import cohorts
from .true_boxes import true_boxes

PER_IMAGE_COLUMNS = ("dataset", "image", "patient_id", "split", "status", "reason", "boxes", *IMAGE_FIGURES)


def evaluate_localization(
    runs: Mapping[str, str | Path],
    dataset_dir: str | Path,
    *,
    sites: Sequence[str] | None = None,
    split_column: str = "det_split",
    splits: Sequence[str] | None = None,
    repeats: int = 2000,
    seed: int = 0,
    progress: bool = False,
) -> LocalizationEvaluation:
    """Compare the evidence maps and regions in one or more output folders with the true boxes of a data folder.

    An image whose ``boxes`` are ``[]`` has nothing to find: Dice, IoU and IoBB are 1 where no region was found and 0
    otherwise, its regions are false positives of average precision and FROC, and it does not count for the pointing
    game, the share of evidence and the share of boxes found. Where ``boxes`` is empty nothing is known.

    Args:
        runs: output folders of inference with ``localize.yaml`` on ``dataset_dir``, by name (one a method, say); all
            are paired with the first.
        dataset_dir: folder with ``index.csv``, or that file.
        sites: values of ``dataset`` to evaluate; all when empty.
        split_column: index column with the split of each row.
        splits: values of ``split_column`` to evaluate; all when empty.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.
        progress: show a progress bar.

    Raises:
        DataIndexError: no index, or nothing selected.
        EvaluationError: a run that cannot be read, an image listed twice, no selected image with true boxes, or none
            of them compared.
        RegionFileError: a run without ``regions.json``.
    """
    folder = index_folder(dataset_dir)
    index = read_index(folder, required=("image", "boxes"))
    rows = select(index, sites=sites, split_column=split_column, splits=splits)
    refuse_twice(rows, folder)
    read = {name: read_localization_run(path, folder) for name, path in runs.items()}
    warnings: list[str] = []
    tables, found, summaries, detections, outcomes = {}, {}, {}, {}, {}
    for name, run in read.items():
        with_maps = run.has_maps(rows["image"])
        if not with_maps:
            warnings.append(f"{name}: no evidence maps were saved; pointing game and share of evidence are left out")
        tables[name], found[name] = compare_regions(run, rows, split_column, with_maps, f"{name}: " if progress else "")
        summaries[name] = summarize_localization(tables[name], repeats=repeats, seed=seed)
        detections[name] = detection_by_site(tables[name], found[name], repeats, seed)
        outcomes[name] = localization_outcomes(tables[name])
    return LocalizationEvaluation(
        per_image=by_run(tables),
        regions=by_run(found),
        summary=by_run(summaries),
        detection=by_run(detections),
        outcomes=by_run(outcomes),
        paired=paired_localization(tables, repeats=repeats, seed=seed),
        unknown={name: sorted(set(run.regions) - set(index["image"])) for name, run in read.items()},
        warnings=warnings,
        settings={
            "runs": {name: run.about for name, run in read.items()},
            "dataset": str(folder),
            "sites": list(sites or []),
            "split_column": split_column,
            "splits": list(splits or []),
            "bootstrap_repeats": repeats,
            "bootstrap_seed": seed,
        },
    )


def report_localization(
    runs: Mapping[str, str | Path],
    dataset_dir: str | Path,
    output_dir: str | Path,
    *,
    cases: int = 3,
    **options: Any,
) -> LocalizationEvaluation:
    """Evaluate saved maps and regions, write tables, charts and pictures, and print the table.

    Args:
        runs: see :func:`evaluate_localization`.
        dataset_dir: see :func:`evaluate_localization`.
        output_dir: folder for what :meth:`.localization_result.LocalizationEvaluation.save` writes and for the
            pictures in ``cases``.
        cases: best, median and worst images to draw, of each run, kind and site; 0 for none.
        options: those of :func:`evaluate_localization`.

    Raises:
        DataIndexError: see :func:`evaluate_localization`.
        EvaluationError: see :func:`evaluate_localization`.
        RegionFileError: see :func:`evaluate_localization`.
        OSError: the output folder cannot be written.
    """

    def draw(found: LocalizationEvaluation, pictures: Path) -> None:
        folder = index_folder(dataset_dir)
        read = {name: read_localization_run(path, folder) for name, path in runs.items()}
        draw_localization_cases(found.per_image, read_index(folder), read, output_dir=pictures, count=cases)

    return deliver(evaluate_localization(runs, dataset_dir, **options), output_dir, draw if cases else None)


def compare_regions(
    run: LocalizationRun, rows: pd.DataFrame, split_column: str, with_maps: bool, description: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row an image, and one a region."""
    images: list[dict[str, Any]] = []
    regions: list[dict[str, Any]] = []
    for _, row in tqdm(rows.iterrows(), total=len(rows), disable=not description, desc=f"{description}comparing"):
        about = {"dataset": row["dataset"] or UNNAMED_SITE, "image": row["image"]}
        outcome, found = _outcome(run, row, with_maps)
        images.append({**about, "patient_id": row["patient_id"], "split": row.get(split_column, ""), **outcome})
        regions += [{**about, **region} for region in found]
    table = pd.DataFrame(images, columns=list(PER_IMAGE_COLUMNS)).astype({"boxes": "Int64", "regions": "Int64"})
    require_compared(table, run.folder, "true boxes")
    return table, pd.DataFrame(regions, columns=["dataset", "image", *REGION_COLUMNS])


def _outcome(run: LocalizationRun, row: pd.Series, with_maps: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    image, text = row["image"], row["boxes"].strip()
    if not text:
        return {"status": NO_TRUTH, "reason": "the index has no boxes"}, []
    if reason := run.missing(image):
        return {"status": MISSING, "reason": reason}, []
    try:
        mask = run.region_mask(image)
        evidence = run.evidence(image) if with_maps else None
        figures, found = image_figures(evidence, run.regions[image], mask, true_boxes(text, mask.shape))
    except (ValueError, OSError) as error:  # one unusable file must not take the rest along
        return {"status": FAILED, "reason": str(error)}, []
    return {"status": OK, "reason": "", **figures}, found


def detection_by_site(images: pd.DataFrame, regions: pd.DataFrame, repeats: int, seed: int) -> pd.DataFrame:
    """Figures of :func:`.detection_figures.detection_figures` for each site and for all."""
    parts = []
    for dataset, _, _, members in cohorts(images[images["status"] == OK]):
        found = regions[regions["image"].isin(members["image"])]
        rows = pd.DataFrame(detection_figures(members, found, repeats=repeats, seed=seed))
        parts.append(marked(rows, {"dataset": dataset}))
    return pd.concat(parts, ignore_index=True)
