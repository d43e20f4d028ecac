"""Options that several verbs share."""

from __future__ import annotations

import argparse


def add_bootstrap_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--repeats`` and ``--seed``."""
    parser.add_argument(
        "--repeats", type=whole_number, default=2000, metavar="N", help="bootstrap repeats (default: 2000)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the bootstrap (default: 0)")


def whole_number(text: str) -> int:
    """A positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no positive whole number")
    return int(text)
