"""``localization``: saved evidence maps and regions against true boxes."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..localization import report_localization
from .arguments import add_bootstrap_arguments, named_folders, whole_number
from .ending import end
from .selection import add_selection


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "localization",
        help="compare saved evidence maps and regions with true boxes",
        description="Compare the evidence maps, regions and filled boxes that inference with configs/localize.yaml "
        "saved with the column boxes of an index: pointing game, share of evidence inside the truth, Dice, IoU and "
        "IoBB of filled boxes, boxes found and average precision by IoU, FROC, with bootstrap 95 % intervals by "
        "patient. Several runs (methods, networks) stand in one table, each is paired with the first.",
        epilog="Exit status: 0 every selected image was compared; 3 some were not (all listed); 1 nothing was.",
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="output folder of the inference on the folder of the index, or NAME=FOLDER",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for tables, charts and pictures")
    add_selection(parser, "det_split", None, "evaluate, such as train")
    parser.add_argument(
        "--cases",
        type=whole_number,
        default=3,
        metavar="N",
        help="best, median and worst images to draw, of each run, kind and site (default: 3; 0: none)",
    )
    add_bootstrap_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, write, print; return the exit status."""
    found = report_localization(
        named_folders(args.runs),
        args.index,
        args.output,
        cases=args.cases,
        sites=args.sites,
        split_column=args.split_column,
        splits=args.splits,
        repeats=args.repeats,
        seed=args.seed,
        progress=sys.stderr.isatty(),
    )
    return end(args.output, found.problems, found.unknown, of="run")
