"""``python -m common.evaluation VERB …``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from ..errors import UsageError
from .commands import VERBS


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        Exit status: 0 done, 3 done in part (what is missing is listed), 1 nothing could be done. Wrong options end
        in 2, as with every argparse program.
    """
    parser = argparse.ArgumentParser(
        prog="python -m common.evaluation",
        description="Evaluate saved predictions; needs neither the model nor a GPU.",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        verb.add_parser(verbs)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", stream=sys.stderr)
    try:
        return int(args.run(args))
    except (UsageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
