"""``lungs``: saved lung masks against the truth."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..lungs import report_lungs
from ..spacing import parse_spacing
from .arguments import add_bootstrap_arguments, whole_number
from .ending import end


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "lungs",
        help="compare saved lung masks with the truth",
        description="Compare the masks REL_lungs.png in a folder with the true masks of an index: Dice, IoU, two-class "
        "mIoU, HD95, HD and ASSD an image, with means, medians and bootstrap 95 % intervals a site. Masks "
        "REL_lungs_raw.png, saved before post-processing, are evaluated beside them.",
        epilog="Exit status: 0 every selected image was compared; 3 some were not (all listed); 1 nothing was.",
    )
    parser.add_argument("--predictions", required=True, metavar="DIR", help="output folder of the lung segmentation")
    parser.add_argument("--dataset_dir", required=True, metavar="DIR", help="folder with index.csv and the true masks")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for tables, chart and pictures")
    parser.add_argument("--sites", nargs="+", metavar="SITE", help="values of the index column dataset (default: all)")
    parser.add_argument(
        "--split_column", default="seg_split", metavar="NAME", help="index column with the splits (default: seg_split)"
    )
    parser.add_argument("--splits", nargs="+", metavar="SPLIT", help="splits to evaluate, such as test (default: all)")
    parser.add_argument(
        "--spacing",
        nargs="+",
        default=[],
        metavar="SITE=MM",
        help="pixel size of a site's images, such as jsrt=0.7 or site=0.69,0.84 for x,y; goes before the index columns "
        "spacing_x and spacing_y; distances are in pixels where neither is known",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="MM",
        help="also give surface Dice: the share of the outlines that lie within this distance of each other "
        "(in pixels where no pixel size is known)",
    )
    parser.add_argument(
        "--cases",
        type=whole_number,
        default=3,
        metavar="N",
        help="best, median and worst images to draw, of each kind and site (default: 3; 0: none)",
    )
    add_bootstrap_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, write, print; return the exit status."""
    found = report_lungs(
        args.predictions,
        args.dataset_dir,
        args.output,
        sites=args.sites,
        split_column=args.split_column,
        splits=args.splits,
        spacing=parse_spacing(args.spacing),
        tolerance=args.tolerance,
        cases=args.cases,
        repeats=args.repeats,
        seed=args.seed,
        progress=sys.stderr.isatty(),
    )
    return end(args.output, found.problems, {"": found.unknown}, of="stage")
