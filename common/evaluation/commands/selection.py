"""Options that say which images localisation is judged on, and by which rule."""

from __future__ import annotations

import argparse

from ...metrics import HitRule, parse_hit_rule
from ...metrics.froc_hits import HIT_IOU


def add_selection(parser: argparse.ArgumentParser, split_column: str, splits: str | None, purpose: str) -> None:
    """Add ``--index``, ``--sites``, ``--split_column`` and ``--splits``.

    Args:
        parser: the verb's.
        split_column: index column with the splits unless another is named.
        splits: the split that is taken unless others are named; None for all.
        purpose: what is done with the selected images, a verb.
    """
    parser.add_argument("--index", required=True, metavar="DATA", help="folder with index.csv that the runs were on")
    parser.add_argument("--sites", nargs="+", metavar="SITE", help="values of the index column dataset (default: all)")
    parser.add_argument(
        "--split_column",
        "--split-column",
        default=split_column,
        metavar="NAME",
        help=f"index column with the splits (default: {split_column})",
    )
    parser.add_argument(
        "--splits",
        nargs="+",
        default=[splits] if splits else None,
        metavar="SPLIT",
        help=f"splits to {purpose} (default: {splits or 'all'})",
    )


def add_lungs(parser: argparse.ArgumentParser) -> None:
    """Add ``--lungs``."""
    parser.add_argument(
        "--lungs",
        metavar="DIR",
        help="output folder of the bundle lung_seg on this data, for images whose lung mask the index does not name",
    )


def add_hit(parser: argparse.ArgumentParser) -> None:
    """Add ``--hit``."""
    parser.add_argument(
        "--hit",
        type=_hit_rule,
        default=HIT_IOU,
        metavar="IOU",
        help=f"IoU with a true box from which a lesion is a hit of FROC (default: {HIT_IOU:g}), or centre: its centre "
        "lies in a true box",
    )


def _hit_rule(text: str) -> HitRule:
    try:
        return parse_hit_rule(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
