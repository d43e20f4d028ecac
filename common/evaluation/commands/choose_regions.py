"""``choose-regions``: evidence method and region rule from saved evidence maps."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..region_choice import choose_regions
from .arguments import add_bootstrap_arguments, named_folders, print_lines
from .chosen import write_choice
from .selection import add_lungs, add_selection


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "choose-regions",
        help="choose evidence method and region rule on saved evidence maps",
        description="Try region rules, values and least areas on the evidence maps that inference with "
        "configs/localize.yaml saved, one run a method, and write the best by mean Dice of filled boxes as an overlay "
        "that follows localize.yaml among the configuration files. Needs no network. Images of the split test are "
        "refused.",
        epilog="Exit status: 0 every selected image was used; 3 some were not (all listed); 1 nothing was written.",
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="output folder of the inference on the folder of the index, or NAME=FOLDER",
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="overlay to write (.yaml)")
    parser.add_argument("--table", metavar="FILE", help="also write the table of all that was tried (.csv)")
    add_selection(parser, "det_split", "val", "choose on")
    add_lungs(parser)
    add_bootstrap_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Choose, write, print; return the exit status."""
    choice = choose_regions(
        named_folders(args.runs),
        args.index,
        sites=args.sites,
        split_column=args.split_column,
        splits=args.splits,
        lungs_dir=args.lungs,
        repeats=args.repeats,
        seed=args.seed,
        progress=sys.stderr.isatty(),
    )
    write_choice(choice, args.output, args.table)
    for line in choice.warnings:
        print(f"warning: {line}", file=sys.stderr)
    print_lines(f"{row.status} ({row.run}): {row.image}: {row.reason}" for row in choice.left_out.itertuples())
    return 3 if len(choice.left_out) else 0
