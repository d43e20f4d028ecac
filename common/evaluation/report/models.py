"""The runs of a report: what is in them, which belong together, what they are called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ...handlers.lesion_files import LESIONS as LESION_FILE
from ...handlers.prediction_record import RUN, TABLE
from ...handlers.region_files import REGIONS
from ..classified_images import SCORE_COLUMNS
from ..errors import EvaluationError
from ..lesion_images import PER_IMAGE_COLUMNS as LESION_COLUMNS
from ..lesion_run import MASKS as LESION_MASKS
from ..lesion_seeds import is_lesion_evaluation
from ..localization import PER_IMAGE_COLUMNS as LOCALIZATION_COLUMNS
from ..lungs import LUNGS
from ..mask_files import MASK_EXTENSIONS
from ..masks import PER_IMAGE_COLUMNS, MaskTask
from ..result import PER_IMAGE
from ..run_record import read_record
from .options import CLASSIFICATION, LESIONS, LOCALIZATION

#: Masks that a report knows, with the split column of their task.
MASK_TASKS: dict[str, tuple[MaskTask, str]] = {"lungs": (LUNGS, "seg_split")}

#: Stands for "not stated" where training sites are listed.
NOT_STATED = "-"


@dataclass(frozen=True)
class Run:
    """Output folder of an inference, or of an earlier evaluation of masks, lesions or localisation.

    Args:
        folder: where it lies.
        record: content of ``run.json``; empty when there is none.
        tasks: what can be evaluated: "classification", "localization", "lesions" and names of :data:`MASK_TASKS`.
        evaluated: whether it is an evaluation, whose tables stand in for masks, lesions or regions.
    """

    folder: Path
    record: dict[str, Any]
    tasks: tuple[str, ...]
    evaluated: bool = False


@dataclass(frozen=True)
class Model:
    """One or more runs of one model.

    Args:
        name: what it is called.
        runs: its output folders.
        train_sites: sites that it was trained at; empty when not stated.
    """

    name: str
    runs: tuple[Run, ...]
    train_sites: tuple[str, ...] = ()

    def having(self, task: str) -> list[Run]:
        """Its runs that can be evaluated for a task."""
        return [run for run in self.runs if task in run.tasks]

    def trained_at(self, site: str) -> bool | None:
        """Whether a site is one that it was trained at; None when not stated."""
        return site in self.train_sites if self.train_sites else None

    def about(self) -> dict[str, Any]:
        """What it is, ready for JSON."""
        first = self.runs[0].record
        kept = {key: first.get(key) for key in ("bundle", "version", "weights_sha256", "packages")}
        return {
            "name": self.name,
            "train_sites": list(self.train_sites),
            **kept,
            "folders": [str(run.folder) for run in self.runs],
            "tasks": list(dict.fromkeys(task for run in self.runs for task in run.tasks)),
            "complete": all(run.record.get("complete", True) for run in self.runs),
        }


def read_models(
    folders: Sequence[str | Path], names: Sequence[str] | None = None, train_sites: Sequence[str] | None = None
) -> list[Model]:
    """Look what the folders hold and which belong to one model.

    Args:
        folders: output folders.
        names: one a folder; folders of one name are one model. By default, folders whose ``run.json`` names the same
            weights and settings are one model, called by bundle and version, and by the folder where that is not
            unique or not known.
        train_sites: one a folder, joined by "+", "-" where not stated; by default the entry ``train_sites`` of
            ``run.json``.

    Raises:
        EvaluationError: a folder without results, another number of names or training sites than of folders, or
            folders of one model with different training sites.
    """
    for option, values in (("--names", names), ("--train_sites", train_sites)):
        if values is not None and len(values) != len(folders):
            raise EvaluationError(f"{option}: {len(values)} given for {len(folders)} runs; one a run is needed")
    runs = [_read(Path(folder)) for folder in folders]
    keys = list(names) if names is not None else [_identity(run) for run in runs]
    labels = dict(zip(keys, keys, strict=True)) if names is not None else _labels(keys, runs)
    stated = [_sites_of(run, train_sites[place] if train_sites else None) for place, run in enumerate(runs)]
    models = []
    for key in dict.fromkeys(keys):
        places = [place for place, other in enumerate(keys) if other == key]
        told = list(dict.fromkeys(stated[place] for place in places if stated[place]))
        if len(told) > 1:
            raise EvaluationError(
                f"{labels[key]}: its runs state different training sites, {' and '.join(map(str, told))}"
            )
        models.append(Model(labels[key], tuple(runs[place] for place in places), told[0] if told else ()))
    return models


def _read(folder: Path) -> Run:
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: no such folder; a run is the output folder of an inference")
    record = read_record(folder / RUN)
    evaluated = _evaluated_task(folder)
    if evaluated is not None:
        task, about = evaluated
        return Run(folder, record or about, (task,), evaluated=True)
    tasks = [CLASSIFICATION] if set(SCORE_COLUMNS) <= _columns(folder / TABLE) else []
    tasks += [LOCALIZATION] if (folder / REGIONS).is_file() else []
    tasks += [LESIONS] if (folder / LESION_FILE).is_file() or _any_file(folder, LESION_MASKS) else []
    tasks += [name for name in MASK_TASKS if _any_file(folder, name)]
    if not tasks:
        masks = ", ".join(f"*_{name}.png" for name in (*MASK_TASKS, LESION_MASKS))
        accepted = f"{TABLE} with {', '.join(SCORE_COLUMNS)}, {REGIONS}, {LESION_FILE}, masks {masks}, or an evaluation"
        raise EvaluationError(f"{folder}: nothing to report on; a run holds {accepted}")
    return Run(folder, record, tuple(tasks))


def _evaluated_task(folder: Path) -> tuple[str, dict[str, Any]] | None:
    """Task of an evaluation, and what its record says of the run that it is of; None for a folder of another kind."""
    found = _columns(folder / PER_IMAGE)
    settings = read_record(folder / "summary.json").get("settings", {})
    if set(PER_IMAGE_COLUMNS) <= found:
        return str(settings.get("task", LUNGS.name)), {}
    if is_lesion_evaluation(folder) and set(LESION_COLUMNS) <= found:
        return LESIONS, settings.get("run", {})
    if {"run", *LOCALIZATION_COLUMNS} <= found:
        runs = list(settings.get("runs", {}).values())
        return LOCALIZATION, runs[0] if len(runs) == 1 else {}
    return None


def _columns(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    try:
        return set(pd.read_csv(path, nrows=0).columns)
    except (ValueError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: not a CSV table ({error})") from error


def _any_file(folder: Path, name: str) -> bool:
    return any(next(folder.rglob(f"*_{name}{extension}"), None) for extension in MASK_EXTENSIONS)


def _identity(run: Run) -> str:
    """The same for runs of the same weights and settings."""
    if not run.record.get("weights_sha256"):
        return str(run.folder)
    known = [run.record.get(key) for key in ("bundle", "version", "weights_sha256", "settings")]
    return json.dumps(known, sort_keys=True)


def _labels(keys: Iterable[str], runs: Sequence[Run]) -> dict[str, str]:
    first = dict(reversed(list(zip(keys, runs, strict=True))))
    by_bundle = {
        key: " ".join(str(run.record[part]) for part in ("bundle", "version") if run.record.get(part))
        for key, run in first.items()
    }
    given = list(by_bundle.values())
    folders = {key: run.folder.resolve() for key, run in first.items()}
    last = [folder.name for folder in folders.values()]
    return {
        key: text
        if text and given.count(text) == 1
        else folders[key].name
        if last.count(folders[key].name) == 1
        else "/".join(folders[key].parts[-2:])
        for key, text in by_bundle.items()
    }


def _sites_of(run: Run, text: str | None) -> tuple[str, ...]:
    if text is None:
        listed = run.record.get("train_sites") or []
        return tuple(str(site) for site in listed) if isinstance(listed, list) else ()
    return () if text == NOT_STATED else tuple(filter(None, text.split("+")))
