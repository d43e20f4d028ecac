"""Options that several verbs share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from ..errors import EvaluationError
from ..operating_point import PREVALENCES
from ..subgroups import AGE_BANDS

#: Lines printed one by one.
_SHOWN = 20


def add_bootstrap_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--repeats`` and ``--seed``."""
    parser.add_argument(
        "--repeats", type=positive_number, default=2000, metavar="N", help="bootstrap repeats (default: 2000)"
    )
    parser.add_argument("--seed", type=whole_number, default=0, metavar="N", help="seed of the bootstrap (default: 0)")


def add_group_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--subgroups``, ``--age_bands`` and ``--prevalences``."""
    parser.add_argument(
        "--subgroups",
        nargs="*",
        default=["sex", "age"],
        metavar="NAME",
        help="index columns to give the figures by (default: sex age)",
    )
    parser.add_argument(
        "--age_bands",
        nargs="+",
        type=positive_number,
        default=list(AGE_BANDS),
        metavar="AGE",
        help=f"first ages of the bands after the first (default: {' '.join(map(str, AGE_BANDS))})",
    )
    parser.add_argument(
        "--prevalences",
        nargs="*",
        type=share,
        default=list(PREVALENCES),
        metavar="SHARE",
        help="shares of people with TB for which predictive values are given "
        f"(default: {' '.join(map(str, PREVALENCES))})",
    )


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


def add_index_arguments(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add ``--index``, ``--label``, ``--sites``, ``--split_column`` and ``--splits``.

    Args:
        parser: the verb's.
        purpose: what is done with the selected rows, a verb.
    """
    parser.add_argument("--index", required=True, metavar="DIR", help="folder with index.csv")
    parser.add_argument("--label", default="tb", metavar="NAME", help="index column with the truth (default: tb)")
    parser.add_argument("--sites", nargs="+", metavar="SITE", help="values of the index column dataset (default: all)")
    parser.add_argument(
        "--split_column",
        "--split-column",
        default="cls_split",
        metavar="NAME",
        help="index column with the splits (default: cls_split)",
    )
    parser.add_argument(
        "--splits", nargs="+", metavar="SPLIT", help=f"splits to {purpose}, such as test (default: all)"
    )


def share(text: str) -> float:
    """A number between 0 and 1, both left out."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number between 0 and 1")
    return number


def named_folders(texts: list[str]) -> dict[str, str]:
    """Read FOLDER or NAME=FOLDER texts; a folder without a name is called by its last part.

    Raises:
        EvaluationError: two runs of one name.
    """
    runs: dict[str, str] = {}
    for text in texts:
        # A folder whose own name holds an equals sign is taken as it is.
        name, folder = ("", text) if Path(text).is_dir() or "=" not in text else text.split("=", 1)
        name = name or Path(folder).resolve().name
        if name in runs:
            raise EvaluationError(f"two runs are called {name}; name them apart: NAME=FOLDER")
        runs[name] = folder
    return runs


def print_lines(lines: Iterable[str], place: str = "") -> None:
    """Print lines to the standard error; of many, the first ones, and where the others are."""
    every = list(lines)
    for line in every[:_SHOWN]:
        print(line, file=sys.stderr)
    if len(every) > _SHOWN:
        print(f"… and {len(every) - _SHOWN} more{f', {place}' if place else ''}", file=sys.stderr)
