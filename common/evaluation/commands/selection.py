"""Options that say which images localisation is judged on."""

from __future__ import annotations

import argparse


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
