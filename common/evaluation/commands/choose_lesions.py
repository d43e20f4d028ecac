"""``choose-lesions``: threshold and least area of lesions from saved probability maps."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ...data.parallel import default_processes
from ..lesion_choice import choose_lesions
from .arguments import add_bootstrap_arguments, positive_number, print_lines
from .chosen import write_choice
from .selection import add_lungs


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "choose-lesions",
        help="choose threshold and least area of lesions on saved probability maps",
        description="Try thresholds and least areas on the maps REL_tb_probability.png that inference of the bundle "
        "tb_seg saved, and write the best by mean Dice, among those with little false area on normal images, as an "
        "overlay that follows inference.yaml among the configuration files. Images of the split test are refused.",
        epilog="Exit status: 0 every selected image was used; 3 some were not (all listed); 1 nothing was written.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="output folder of inference with save_probability")
    parser.add_argument("--index", required=True, metavar="DATA", help="folder with index.csv that the runs were on")
    parser.add_argument("--output", required=True, metavar="FILE", help="overlay to write (.yaml)")
    parser.add_argument("--table", metavar="FILE", help="also write the table of all that was tried (.csv)")
    parser.add_argument("--sites", nargs="+", metavar="SITE", help="values of the index column dataset (default: all)")
    parser.add_argument(
        "--lists",
        nargs="+",
        type=_list,
        default=[("det_split", "val")],
        metavar="COLUMN:VALUE",
        help="lists of the index to choose on; several make one (default: det_split:val)",
    )
    parser.add_argument(
        "--max_false_area",
        type=float,
        default=0.02,
        metavar="SHARE",
        help="largest mean false area on normal images, as a share of the lungs (default: 0.02)",
    )
    parser.add_argument(
        "--processes", type=positive_number, default=default_processes(), metavar="N", help="processes (default: cores)"
    )
    add_lungs(parser)
    add_bootstrap_arguments(parser)
    parser.set_defaults(run=run)


def _list(text: str) -> tuple[str, str]:
    column, colon, value = text.partition(":")
    if not (column and colon and value):
        raise argparse.ArgumentTypeError(f"{text} is no list; COLUMN:VALUE is needed, as in det_split:val")
    return column, value


def run(args: argparse.Namespace) -> int:
    """Choose, write, print; return the exit status."""
    lists: dict[str, list[str]] = {}
    for column, value in args.lists:
        lists.setdefault(column, []).append(value)
    choice = choose_lesions(
        args.runs,
        args.index,
        lists=lists,
        sites=args.sites,
        lungs_dir=args.lungs,
        max_false_area=args.max_false_area,
        repeats=args.repeats,
        seed=args.seed,
        processes=args.processes,
        progress=sys.stderr.isatty(),
    )
    write_choice(choice, args.output, args.table)
    print_lines(f"{row.status}: {row.image}: {row.reason}" for row in choice.left_out.itertuples())
    return 3 if len(choice.left_out) else 0
