"""``compare``: several evaluations side by side."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..compare import compare_runs, read_run
from ..comparison import Comparison
from ..errors import EvaluationError
from ..lesion_comparison import LesionComparison, compare_lesions
from ..lesion_seeds import is_lesion_evaluation, read_lesion_tables
from ..masks import FINAL, RAW
from .arguments import add_bootstrap_arguments, named_folders


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "compare",
        help="put several evaluations side by side",
        description="Tables of runs x sites for each figure, and every run against the baseline on the same images: "
        "mean difference with its bootstrap 95 % interval, images better, equal and worse, the effect size and the p "
        "of Wilcoxon's signed-rank test, also corrected for the number of comparisons. Runs are evaluations by the "
        "verb lungs, or all by the verb lesions; of the latter, average precision and FROC are compared too, and a "
        "run may have several seeds.",
        epilog="Exit status: 0 all runs compared the same images; 3 some images are missing in a run; 1 no comparison.",
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="output folder of an evaluation, or NAME=FOLDER; of lesions also NAME=FOLDER,FOLDER,…, one a seed",
    )
    parser.add_argument(
        "--baseline", metavar="NAME", help="run that the others are compared with (default: the first one)"
    )
    parser.add_argument(
        "--stage",
        choices=(FINAL, RAW),
        default=FINAL,
        help="lung masks as delivered (final, the default) or before post-processing (raw)",
    )
    parser.add_argument("--output", metavar="DIR", help="folder for the tables; they are only printed without it")
    add_bootstrap_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print, write; return the exit status."""
    comparison = _compare(_baseline_first(named_folders(args.runs), args.baseline), args)
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


def _compare(runs: Mapping[str, str], args: argparse.Namespace) -> Comparison | LesionComparison:
    # A folder whose own name holds a comma is taken as it is.
    folders = {name: [text] if Path(text).is_dir() else text.split(",") for name, text in runs.items()}
    every = [folder for seeds in folders.values() for folder in seeds]
    of_lesions = [is_lesion_evaluation(folder) for folder in every]
    draws = {"repeats": args.repeats, "seed": args.seed}
    if all(of_lesions):
        tables = {name: [read_lesion_tables(folder) for folder in seeds] for name, seeds in folders.items()}
        return compare_lesions(tables, **draws)
    if any(of_lesions):
        names = [every[of_lesions.index(kind)] for kind in (True, False)]
        raise EvaluationError(f"{names[0]} is an evaluation of lesions, {names[1]} is not; compare like with like")
    return compare_runs({name: read_run(text) for name, text in runs.items()}, stage=args.stage, **draws)


def _baseline_first(runs: Mapping[str, str], baseline: str | None) -> dict[str, str]:
    """The runs, the baseline before the others.

    Raises:
        EvaluationError: there is no such run.
    """
    if baseline is None:
        return dict(runs)
    if baseline not in runs:
        raise EvaluationError(f"--baseline {baseline}: no such run; there are {', '.join(runs)}")
    return {baseline: runs[baseline], **runs}
