"""Saved scores of a TB classifier, joined with the truth of the data index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..handlers.prediction_record import RUN, TABLE
from ..metrics.operating_point_file import read_operating_point
from .errors import EvaluationError
from .masks import MISSING, NO_TRUTH, OK, UNNAMED_SITE
from .run_record import read_record

#: Columns that a run of a TB classifier writes besides image, status, reason and flags.
SCORE_COLUMNS = ("tb_score", "tb_probability", "tb")
#: What the index says of each image, beside the label.
ABOUT = ("dataset", "image", "patient_id", "sex", "age", "findings")

#: Truths that an index may hold, and what they mean; empty where nothing is known.
LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}


@dataclass(frozen=True)
class ClassifierRun:
    """Output folder of a TB classifier.

    Args:
        folder: where it lies.
        predictions: ``predictions.csv`` with ``tb_score``, ``tb_probability`` and ``tb`` as numbers, NaN unless the
            status is "ok".
        record: content of ``run.json``; empty when there is none.
    """

    folder: Path
    predictions: pd.DataFrame
    record: dict[str, Any]

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights, empty when not known."""
        return str(self.record.get("weights_sha256") or "")

    @property
    def uncalibrated(self) -> int:
        """Images whose probability no operating point stands behind."""
        return int(self.predictions["flags"].str.split().map(lambda flags: "uncalibrated" in flags).sum())


def read_classifier_run(folder: str | Path) -> ClassifierRun:
    """Read ``predictions.csv`` and ``run.json``.

    Raises:
        EvaluationError: no such folder or table, a column is missing, an image is there twice, or a value that is no
            number or out of range.
    """
    path = Path(folder) / TABLE
    if not path.is_file():
        raise EvaluationError(f"{path}: not found; a run is the output folder of a TB classifier")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: not a CSV table ({error})") from error
    needed = ("image", "status", "reason", "flags", *SCORE_COLUMNS)
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise EvaluationError(f"{path}: column {', '.join(missing)} is missing; found {', '.join(table.columns)}")
    twice = table.loc[table["image"].duplicated(), "image"]
    if len(twice):
        raise EvaluationError(f"{path}: {len(twice)} images are listed twice, {twice.iloc[0]} first")
    done = table["status"] == OK
    accepted: dict[str, tuple[str, Callable[[pd.Series], Any]]] = {
        "tb_score": ("a finite number", np.isfinite),
        "tb_probability": ("a number from 0 to 1", lambda values: (values >= 0) & (values <= 1)),
        "tb": ("0 or 1", lambda values: np.isin(values, (0, 1))),
    }
    for name, (text, fits) in accepted.items():
        values = pd.to_numeric(table[name], errors="coerce").where(done)
        wrong = table[done & ~fits(values)]
        if len(wrong):
            first = wrong.iloc[0]
            raise EvaluationError(
                f"{path}: {name} must be {text}, {first['image']} has {first[name] or 'nothing'} "
                f"({len(wrong)} such rows)"
            )
        table[name] = values
    return ClassifierRun(Path(folder), table, read_record(Path(folder) / RUN))


def with_operating_point(run: ClassifierRun, path: str | Path) -> ClassifierRun:
    """The run as if it had been made with this operating-point file: probabilities and decisions anew from the scores.

    Raises:
        OperatingPointError: see :func:`common.metrics.operating_point_file.read_operating_point`; also when the file
            belongs to other weights than those of the run.
    """
    point = read_operating_point(path, run.weights_sha256)
    table = run.predictions.copy()
    done = table["status"] == OK
    probabilities, decisions = point.decide(table.loc[done, "tb_score"])
    table.loc[done, "tb_probability"] = probabilities
    table.loc[done, "tb"] = decisions.astype(np.float64)
    table["flags"] = table["flags"].map(lambda flags: " ".join(f for f in flags.split() if f != "uncalibrated"))
    return ClassifierRun(run.folder, table, run.record)


def join_truth(
    run: ClassifierRun,
    rows: pd.DataFrame,
    *,
    label: str = "tb",
    split_column: str = "cls_split",
    columns: Sequence[str] = (),
) -> pd.DataFrame:
    """One row an index row, with truth and prediction.

    Args:
        run: the run.
        rows: rows of the index that are to be evaluated.
        label: index column with the truth, 0 or 1, empty where not known.
        split_column: column of the index that is noted as the split of each image; none when there is no such column.
        columns: further index columns to keep.

    Returns:
        :data:`ABOUT`, ``split``, ``columns``, ``label`` (0 or 1), ``score``, ``probability``, ``decision`` (0 or 1),
        ``status`` ("ok"; "missing": no prediction; "no truth") and ``reason``. Numbers are NaN unless the status is
        "ok".

    Raises:
        EvaluationError: an index without one of the columns, an image listed twice, a label other than 0 and 1, or no
            image with truth and prediction.
    """
    absent = [name for name in (label, *columns) if name not in rows.columns]
    if absent:
        raise EvaluationError(f"the index has no column {', '.join(absent)}; found {', '.join(rows.columns)}")
    twice = rows.loc[rows["image"].duplicated(), "image"]
    if len(twice):
        raise EvaluationError(f"the index lists {len(twice)} images twice, {twice.iloc[0]} first")
    truth = rows[label].str.strip()
    wrong = rows[(truth != "") & ~truth.isin(LABELS)]
    if len(wrong):
        first = wrong.iloc[0]
        raise EvaluationError(f"the index has {label} {first[label]} for {first['image']}; accepted are 0, 1 and empty")
    table = rows[list(dict.fromkeys([*ABOUT, *columns]))].copy()
    table["dataset"] = table["dataset"].where(table["dataset"] != "", UNNAMED_SITE)
    table["split"] = rows[split_column] if split_column in rows.columns else ""
    table["label"] = truth.map(LABELS)
    found = run.predictions.set_index("image").reindex(rows["image"])
    for name, source in (("score", "tb_score"), ("probability", "tb_probability"), ("decision", "tb")):
        table[name] = found[source].to_numpy()
    listed, done = found["status"].notna().to_numpy(), (found["status"] == OK).to_numpy()
    told = (found["status"] + ": " + found["reason"]).to_numpy()
    table["status"] = np.select([(truth == "").to_numpy(), ~done], [NO_TRUTH, MISSING], OK)
    reasons = np.select([done, listed], ["", told], f"not in {run.folder / TABLE}")
    table["reason"] = np.where(table["status"] == NO_TRUTH, f"the index has no {label}", reasons)
    table.loc[table["status"] != OK, ["score", "probability", "decision"]] = np.nan
    table = table.reset_index(drop=True).astype({"label": "Int64", "decision": "Int64"})
    if not (table["status"] == OK).any():
        if (table["status"] == NO_TRUTH).all():
            raise EvaluationError(f"none of the {len(table)} selected rows of the index has a {label}")
        first = table[table["status"] == MISSING].iloc[0]
        listing = run.predictions["image"].iloc[0] if len(run.predictions) else "nothing"
        raise EvaluationError(
            f"no selected image of the index has a prediction: {first['image']} is {first['reason']}; the run has "
            f"{listing}; paths are those below the dataset_dir of the inference, which must be the folder of the index"
        )
    return table


def unknown_images(run: ClassifierRun, index: pd.DataFrame) -> list[str]:
    """Images of a run that the whole index does not have, sorted."""
    return sorted(set(run.predictions["image"]) - set(index["image"]))
