"""Programs of several verbs: ``python -m common.sharing VERB …``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from .errors import print_short

#: Exit status of a verb that did nothing, or broke off.
NOT_DONE = 1


class Verbs:
    """A command line whose first word says what to do.

    Args:
        package: such as ``common.sharing``; the program is ``python -m`` of it.
        description: what it is for.
        epilog: what the exit status means.
        formatter_class: of argparse, for the help texts.
    """

    def __init__(
        self,
        package: str,
        description: str,
        epilog: str,
        formatter_class: type[argparse.HelpFormatter] = argparse.HelpFormatter,
    ) -> None:
        self._shared: dict[str, Any] = {"epilog": epilog, "formatter_class": formatter_class}
        self._parser = argparse.ArgumentParser(prog=f"python -m {package}", description=description, epilog=epilog)
        self._verbs = self._parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def add(self, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        """Add a verb.

        Args:
            name: the word.
            run: does it, and returns the exit status.
            text: one line of help.

        Returns:
            The parser of the verb, for its arguments.
        """
        verb = self._verbs.add_parser(name, help=text, description=text, **self._shared)
        verb.set_defaults(run=run)
        return verb

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run one verb; errors of use, of the operating system and an interruption end in one line.

        Args:
            arguments: words of the command line without the program's name; those of this process by default.

        Returns:
            Exit status.
        """
        return run_verb(self._parser, arguments)


def run_verb(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Run what the option ``run`` names after parsing; see :meth:`Verbs.main`."""
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (Exception, KeyboardInterrupt) as error:
        print_short(type(error), error, error.__traceback__)
        return NOT_DONE
