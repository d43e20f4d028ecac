"""``compare``: several evaluations side by side."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from ..compare import compare_runs, read_run
from ..errors import EvaluationError
from ..masks import FINAL, RAW
from .arguments import add_bootstrap_arguments


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "compare",
        help="put several evaluations side by side",
        description="Tables of runs x sites for each figure, and every run against the first on the same images: "
        "mean difference with its bootstrap 95 %% interval, images better, equal and worse, and the p of Wilcoxon's "
        "signed-rank test.",
        epilog="Exit status: 0 all runs compared the same images; 3 some images are missing in a run; 1 no comparison.",
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="output folder of an evaluation, or NAME=FOLDER; the first is what the others are compared with",
    )
    parser.add_argument(
        "--stage",
        choices=(FINAL, RAW),
        default=FINAL,
        help="masks as delivered (final, the default) or before post-processing (raw)",
    )
    parser.add_argument("--output", metavar="DIR", help="folder for the tables; they are only printed without it")
    add_bootstrap_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print, write; return the exit status."""
    comparison = compare_runs(read_runs(args.runs), stage=args.stage, repeats=args.repeats, seed=args.seed)
    print(comparison.markdown())
    if args.output:
        comparison.save(args.output)
        print(f"written to {args.output}")
    if len(comparison.unpaired):
        first = comparison.unpaired.iloc[0]
        print(
            f"{len(comparison.unpaired)} images are missing in a run; first {first['image']} in {first['missing_in']}",
            file=sys.stderr,
        )
        return 3
    return 0


def read_runs(texts: list[str]) -> dict[str, pd.DataFrame]:
    """Read FOLDER or NAME=FOLDER texts; a folder without a name is called by its last part.

    Raises:
        EvaluationError: two runs of one name, or a folder without an evaluation.
    """
    runs: dict[str, pd.DataFrame] = {}
    for text in texts:
        # A folder whose own name holds an equals sign is taken as it is.
        name, folder = ("", text) if Path(text).is_dir() or "=" not in text else text.split("=", 1)
        name = name or Path(folder).resolve().name
        if name in runs:
            raise EvaluationError(f"two runs are called {name}; name them apart: NAME=FOLDER")
        runs[name] = read_run(folder)
    return runs
