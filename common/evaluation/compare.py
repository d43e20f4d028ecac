"""Comparison of several evaluations: of networks, or of networks trained at several sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from .comparison import Comparison
from .errors import EvaluationError
from .masks import FINAL, OK, PER_IMAGE_COLUMNS, TEXT_COLUMNS
from .paired import KEY, PAIRED_COLUMNS, paired_differences, with_adjusted_p
from .result import PER_IMAGE
from .summary import summarize


def read_run(folder: str | Path) -> pd.DataFrame:
    """Read the per-image table that :meth:`.result.MaskEvaluation.save` has written.

    Raises:
        EvaluationError: no ``per_image.csv`` there, or one that is no such table.
    """
    return read_table(Path(folder) / PER_IMAGE, PER_IMAGE_COLUMNS, TEXT_COLUMNS)


def read_table(path: Path, columns: Sequence[str], text_columns: Sequence[str]) -> pd.DataFrame:
    """Read a table that an evaluation has written.

    Args:
        path: CSV file.
        columns: columns that it has to have.
        text_columns: those of them that hold text; the others hold numbers, NaN where nothing stands.

    Raises:
        EvaluationError: no such file, or one that is no such table.
    """
    if not path.is_file():
        raise EvaluationError(f"{path}: not found; a run is the output folder of an evaluation")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: not a CSV table ({error})") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise EvaluationError(f"{path}: column {', '.join(missing)} is missing")
    for name in columns:
        if name not in text_columns:
            try:
                table[name] = pd.to_numeric(table[name].replace("", None))
            except ValueError as error:
                raise EvaluationError(f"{path}: column {name} must hold numbers ({error})") from error
    return table


def compare_runs(
    runs: Mapping[str, pd.DataFrame], *, stage: str = FINAL, repeats: int = 2000, seed: int = 0
) -> Comparison:
    """Put evaluations side by side.

    Args:
        runs: per-image tables by the name of the run; all others are paired with the first.
        stage: "final", or "raw" for the masks before post-processing.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.

    Raises:
        EvaluationError: a run without any compared image of this stage, or an image that two runs measured with
            different pixel sizes.
    """
    compared = {name: table[(table["stage"] == stage) & (table["status"] == OK)] for name, table in runs.items()}
    for name, table in compared.items():
        if table.empty:
            raise EvaluationError(f"{name}: no compared image of the stage {stage}")
    figures = []
    for name, table in compared.items():
        summary = summarize(table, repeats=repeats, seed=seed)
        summary.insert(0, "run", name)
        figures.append(summary)
    first, *others = compared.items()
    paired = [paired_differences(first, other, repeats=repeats, seed=seed) for other in others]
    columns = list(PAIRED_COLUMNS)
    return Comparison(
        figures=pd.concat(figures, ignore_index=True),
        paired=with_adjusted_p(pd.concat(paired, ignore_index=True)) if paired else pd.DataFrame(columns=columns),
        unpaired=unpaired_images(compared),
    )


def unpaired_images(compared: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Images that at least one run lacks."""
    images = {name: set(table[KEY].itertuples(index=False, name=None)) for name, table in compared.items()}
    rows = [
        {"dataset": key[0], "image": key[1], "missing_in": " ".join(lacking)}
        for key in sorted(set().union(*images.values()))
        if (lacking := [name for name, found in images.items() if key not in found])
    ]
    return pd.DataFrame(rows, columns=[*KEY, "missing_in"])
