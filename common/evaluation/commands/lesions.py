"""``lesions``: saved outlines of TB lesions against true boxes."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ...data.parallel import default_processes
from ..lesions import report_lesions
from .arguments import add_bootstrap_arguments, positive_number, whole_number
from .ending import end
from .selection import add_hit, add_lungs, add_selection


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "lesions",
        help="compare saved lesion masks and boxes with true boxes",
        description="Compare the masks REL_tb.png and lesions.json in a folder with the column boxes of an index, in "
        "which images with tb 0 have nothing to find: Dice, IoU, two-class mIoU, average precision of boxes by IoU, "
        "FROC, errors of area, false positive area on normal images as a share of the lungs, with bootstrap 95 % "
        "intervals by patient, by site and class of truth; and, for images with TB and a text in the column findings, "
        "the agreement of side and zone.",
        epilog="Exit status: 0 every selected image was compared; 3 some were not (all listed); 1 nothing was.",
    )
    parser.add_argument("run_dir", metavar="RUN", help="output folder of the inference on the folder of the index")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for tables, charts and pictures")
    add_selection(parser, "det_split", None, "evaluate, such as val")
    add_lungs(parser)
    add_hit(parser)
    parser.add_argument(
        "--box_labels",
        nargs="*",
        metavar="LABEL",
        help="labels of the boxes to find, where a class was outlined by itself (default: all)",
    )
    parser.add_argument(
        "--cases",
        type=whole_number,
        default=3,
        metavar="N",
        help="best, median and worst images to draw, of each kind and site (default: 3; 0: none)",
    )
    parser.add_argument(
        "--processes",
        type=positive_number,
        default=default_processes(),
        metavar="N",
        help=f"processes that compare images (default: {default_processes()}, one a core)",
    )
    add_bootstrap_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, write, print; return the exit status."""
    found = report_lesions(
        args.run_dir,
        args.index,
        args.output,
        cases=args.cases,
        sites=args.sites,
        split_column=args.split_column,
        splits=args.splits,
        lungs_dir=args.lungs,
        hit=args.hit,
        box_labels=args.box_labels,
        repeats=args.repeats,
        seed=args.seed,
        processes=args.processes,
        progress=sys.stderr.isatty(),
    )
    return end(args.output, found.problems, {"": found.unknown})
