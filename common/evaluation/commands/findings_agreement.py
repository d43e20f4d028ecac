"""``findings-agreement``: places of evidence against the reader's texts."""

from __future__ import annotations

import argparse
from typing import Any

from ..findings_agreement import findings_agreement
from .ending import end
from .selection import add_lungs, add_selection


def add_parser(verbs: Any) -> None:
    """Register the verb."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "findings-agreement",
        help="compare side and zone of the evidence with the reader's texts",
        description="Compare side and zone of the strongest region, and of the maximum of the evidence map, with the "
        "texts in the column findings of radiographs with TB. The texts are short phrases as in the Shenzhen set; "
        "those that cannot be read are counted and listed. The patient's right is on the picture's left.",
        epilog="Exit status: 0 every selected image was compared; 3 some were not (all listed); 1 nothing was.",
    )
    parser.add_argument("run_dir", metavar="RUN", help="output folder of the inference on the folder of the index")
    parser.add_argument("--output", metavar="DIR", help="folder for the tables; they are only printed without it")
    add_selection(parser, "cls_split", None, "compare, such as test")
    add_lungs(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print, write; return the exit status."""
    found = findings_agreement(
        args.run_dir,
        args.index,
        sites=args.sites,
        split_column=args.split_column,
        splits=args.splits,
        lungs_dir=args.lungs,
    )
    print(found.markdown())
    if args.output:
        found.save(args.output)
    return end(args.output, found.problems, {})
