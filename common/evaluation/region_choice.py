"""Choosing evidence method and region rule on saved evidence maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ..data import read_index, select
from ..localization import fill_boxes
from ..metrics import evidence_share, pointing_game
from .bootstrap import SHARE, bootstrap_mean
from .checks import refuse_twice
from .classification import index_folder
from .errors import EvaluationError
from .known_lungs import KnownLungs
from .localized_images import LocalizationRun, read_localization_run
from .masks import FAILED, MISSING, NO_TRUTH, OK
from .region_choice_result import ANYWHERE, AS_SAVED, CHOICE_COLUMNS, IN_LUNGS, RegionChoice, rank
from .region_sweep import RULES, SWEPT_FIGURES, RegionRule, box_figures, sweep
from .summary import patients
from .true_boxes import true_boxes

#: Splits whose images results are reported on.
HELD_BACK = ("test",)


def choose_regions(
    runs: Mapping[str, str | Path],
    dataset_dir: str | Path,
    *,
    sites: Sequence[str] | None = None,
    split_column: str = "det_split",
    splits: Sequence[str] = ("val",),
    lungs_dir: str | Path | None = None,
    repeats: int = 2000,
    seed: int = 0,
    progress: bool = False,
) -> RegionChoice:
    """Try every rule of :data:`.region_sweep.RULES` on the saved evidence maps of every run.

    All runs are judged on the same images: those with true boxes of which every run has a map. Regions are looked for
    anywhere and, where lung masks are known, within the lungs as inference does; the best of the latter is chosen
    then, unless the run was made without lungs.

    Args:
        runs: output folders of inference with ``localize.yaml`` on ``dataset_dir``, one a method, by name.
        dataset_dir: folder with ``index.csv``, or that file.
        sites: values of ``dataset`` to choose on; all when empty.
        split_column: index column with the split of each row.
        splits: values of ``split_column`` to choose on.
        lungs_dir: see :class:`.known_lungs.KnownLungs`.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.
        progress: show a progress bar.

    Raises:
        DataIndexError: no index, or nothing selected.
        EvaluationError: a split that is held back or none at all, a run that cannot be read or does not tell its
            method, or no image that can be used.
        RegionFileError: a run without ``regions.json``.
    """
    held = [split for split in splits if split in HELD_BACK]
    if held or not splits:
        raise EvaluationError(
            f"splits {', '.join(held) or 'none'}: regions are chosen on validation images, never on those of "
            f"{', '.join(HELD_BACK)}"
        )
    folder = index_folder(dataset_dir)
    rows = select(
        read_index(folder, required=("image", "boxes")),
        sites=sites,
        split_column=split_column,
        splits=splits,
    )
    refuse_twice(rows, folder)
    read = {name: read_localization_run(path, folder) for name, path in runs.items()}
    for run in read.values():
        if not run.settings:
            raise EvaluationError(f"{run.folder / 'run.json'}: does not tell the evidence method of the run")
    known = KnownLungs(folder, lungs_dir)
    outcomes: dict[str, list[_Outcome]] = {}
    for name, run in read.items():
        bar = tqdm(rows.iterrows(), total=len(rows), disable=not progress, desc=f"{name}: trying")
        outcomes[name] = [_try_image(run, row, known) for _, row in bar]
    return _choose(rows, read, outcomes, repeats, seed, _settings(read, folder, sites, split_column, splits))


@dataclass(frozen=True)
class _Outcome:
    """Figures of one image, [rules, figures] by where regions may lie; the reason when there are none."""

    status: str
    reason: str = ""
    figures: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    pointing: float = np.nan
    evidence_share: float = np.nan


def _try_image(run: LocalizationRun, row: pd.Series, known: KnownLungs) -> _Outcome:
    image, text = row["image"], row["boxes"].strip()
    if not text:
        return _Outcome(NO_TRUTH, "the index has no boxes")
    if reason := run.missing(image):
        return _Outcome(MISSING, reason)
    try:
        evidence = run.evidence(image)
        truth = true_boxes(text, evidence.shape)
        lungs, _ = known(row, evidence.shape)
        saved = [region.box for region in run.regions[image]]
        figures = {
            AS_SAVED: np.array([box_figures(saved, fill_boxes(truth.tolist(), evidence.shape))]),
            ANYWHERE: sweep(evidence, truth, None),
        }
        if lungs is not None:
            figures[IN_LUNGS] = sweep(evidence, truth, lungs)
    except (ValueError, OSError) as error:  # one unusable file must not take the rest along
        return _Outcome(FAILED, str(error))
    return _Outcome(OK, "", figures, pointing_game(evidence, truth), evidence_share(evidence, truth))


def _choose(
    rows: pd.DataFrame,
    read: Mapping[str, LocalizationRun],
    outcomes: Mapping[str, list[_Outcome]],
    repeats: int,
    seed: int,
    settings: Mapping[str, Any],
) -> RegionChoice:
    usable = np.all([[outcome.status == OK for outcome in found] for found in outcomes.values()], axis=0)
    left_out = pd.DataFrame(
        [
            {"run": name, "image": image, "status": outcome.status, "reason": outcome.reason}
            for name, found in outcomes.items()
            for image, outcome in zip(rows["image"], found, strict=True)
            if outcome.status != OK
        ],
        columns=["run", "image", "status", "reason"],
    )
    if not usable.any():
        why = f"; {left_out.iloc[0]['image']}: {left_out.iloc[0]['reason']}" if len(left_out) else ""
        raise EvaluationError(f"no selected image has true boxes and an evidence map of every run{why}")
    kept = {name: [found[place] for place in np.flatnonzero(usable)] for name, found in outcomes.items()}
    with_lungs = sum(IN_LUNGS in outcome.figures for outcome in next(iter(kept.values())))
    parts: list[pd.DataFrame] = []
    dice: list[NDArray[np.float64]] = []
    for name, found in kept.items():
        for where in (AS_SAVED, ANYWHERE, *([IN_LUNGS] if with_lungs else [])):
            # Without lungs inference keeps regions anywhere.
            figures = np.array([outcome.figures.get(where, outcome.figures[ANYWHERE]) for outcome in found])
            parts.append(_rows(name, read[name], found, where, figures))
            dice += list(figures[..., 0].T)
    table = pd.concat(parts, ignore_index=True)
    eligible = table["where"] == ANYWHERE
    if with_lungs:
        uncropped = [name for name, run in read.items() if run.record["settings"].get("lung_crop") is False]
        eligible = table["where"] == np.where(table["run"].isin(uncropped), ANYWHERE, IN_LUNGS)
    best = rank(table[eligible]).iloc[0]
    groups = patients(rows[usable])
    interval = bootstrap_mean(dice[int(best.name)], groups=groups, repeats=repeats, seed=seed, limits=SHARE)
    warnings = []
    if with_lungs < len(groups):
        warnings.append(
            f"{len(groups) - with_lungs} of {len(groups)} images have no lung mask: their regions were looked for "
            "anywhere, while inference with lung_crop drops those outside the lungs; --lungs takes masks of lung_seg"
        )
    return RegionChoice(table, best, interval, len(groups), left_out, warnings, settings)


def _rows(
    name: str, run: LocalizationRun, found: Sequence[_Outcome], where: str, figures: NDArray[np.float64]
) -> pd.DataFrame:
    """Means of one run with regions in one place."""
    made = run.settings
    rules = [RegionRule(*(made[knob] for knob in RegionRule._fields))] if where == AS_SAVED else list(RULES)
    table = pd.DataFrame(rules, columns=list(RegionRule._fields)).astype({"region_value": np.float64})
    table[list(SWEPT_FIGURES)] = figures.mean(axis=0)
    # Where there is nothing to find, neither is defined.
    pointing = pd.Series([outcome.pointing for outcome in found]).mean()
    share = pd.Series([outcome.evidence_share for outcome in found]).mean()
    about = {"run": name, "method": made["method"], "layer": made["layer"] or "", "where": where}
    return table.assign(**about, pointing=pointing, evidence_share=share)[list(CHOICE_COLUMNS)]


def _settings(
    read: Mapping[str, LocalizationRun],
    folder: Path,
    sites: Sequence[str] | None,
    split_column: str,
    splits: Sequence[str],
) -> dict[str, Any]:
    return {
        "runs": {name: run.about for name, run in read.items()},
        "dataset": str(folder),
        "sites": list(sites or []),
        "split_column": split_column,
        "splits": list(splits),
    }
