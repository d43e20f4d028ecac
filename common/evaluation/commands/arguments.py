"""Options that several verbs share."""

from __future__ import annotations

import argparse


def add_bootstrap_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--repeats`` and ``--seed``."""
    parser.add_argument(
        "--repeats", type=positive_number, default=2000, metavar="N", help="bootstrap repeats (default: 2000)"
    )
    parser.add_argument("--seed", type=whole_number, default=0, metavar="N", help="seed of the bootstrap (default: 0)")


def whole_number(text: str) -> int:
    """A whole number from 0 on."""
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 0 on")
    return int(text)


def positive_number(text: str) -> int:
    """A whole number from 1 on."""
    if whole_number(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 on")
    return int(text)
