"""``classification``: saved TB scores against the truth."""

from __future__ import annotations

import argparse
from typing import Any

from ..classification import report_classification
from ..errors import EvaluationError
from .arguments import add_bootstrap_arguments, add_group_arguments, add_index_arguments, named_folders
from .ending import end


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "classification",
        help="compare saved TB scores with the truth",
        description="Compare the predictions.csv of a TB classifier with the labels of an index: AUC, average "
        "precision, Brier score, calibration error, sensitivity, specificity and predictive values with 95 % "
        "intervals, by site and subgroup, the WHO triage target, a check whether the score tells sites apart, the "
        "worst errors, and the images that the AUC is lost on. Several runs are taken for seeds of one recipe or for "
        "models: their spread is given, and each is paired with the first.",
        epilog="Exit status: 0 every selected image was compared; 3 some were not (all listed); 1 nothing was.",
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="output folder of the inference on the folder of the index, or NAME=FOLDER",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for tables and charts")
    add_index_arguments(parser, "evaluate")
    add_group_arguments(parser)
    parser.add_argument(
        "--operating_point",
        "--operating-point",
        metavar="FILE",
        help="decide by this operating-point file and not by the one that the run was made with",
    )
    add_bootstrap_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, write, print; return the exit status."""
    if sorted(set(args.age_bands)) != args.age_bands:
        raise EvaluationError(f"--age_bands {' '.join(map(str, args.age_bands))}: the ages must rise")
    found = report_classification(
        named_folders(args.runs),
        args.index,
        args.output,
        label=args.label,
        sites=args.sites,
        split_column=args.split_column,
        splits=args.splits,
        subgroups=list(dict.fromkeys(args.subgroups)),
        age_bands=args.age_bands,
        prevalences=args.prevalences,
        operating_point=args.operating_point,
        repeats=args.repeats,
        seed=args.seed,
    )
    return end(args.output, found.problems, found.unknown, of="run")
