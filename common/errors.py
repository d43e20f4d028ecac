"""Errors as a user sees them: one line that says what to do, and a traceback only where the code may be wrong."""

from __future__ import annotations

import os
import re
import sys
import traceback
from types import TracebackType

#: Set it to anything to see full tracebacks.
DEBUG_VARIABLE = "CXR_TRACEBACK"


class UsageError(ValueError):
    """Something outside the code is wrong: a path, a file, a value in a configuration.

    The message is one line that names what was found and what is accepted. Command lines print it without a
    traceback (see :func:`print_short`).
    """


def print_short(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An exception hook: one line for what :func:`explain` can explain, else the traceback."""
    line = None if os.environ.get(DEBUG_VARIABLE) else explain(error)
    if line is None:
        traceback.print_exception(kind, error, trace)
        return
    print(f"error: {line}", file=sys.stderr)
    if not any(isinstance(item, UsageError) for item in causes(error)):
        print(f"(set {DEBUG_VARIABLE}=1 for the traceback)", file=sys.stderr)


def explain(error: BaseException) -> str | None:
    """What a user needs to know about an error whose place in the code does not matter.

    These are errors of use, of the operating system and of configurations.

    Args:
        error: any error.

    Returns:
        One line; None for all other errors, which may be mistakes in the code.
    """
    chain = causes(error)
    for item in chain:
        if isinstance(item, UsageError):
            return str(item)
    for item in chain:
        if isinstance(item, OSError) and item.strerror:
            return f"{item.filename}: {item.strerror}" if item.filename else item.strerror
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    first = (str(error).splitlines() or [""])[0]
    if "is not defined in the config content" in first:
        return first
    inner = chain[-1]
    cause = f"{type(inner).__name__}: {(str(inner).splitlines() or ['no message'])[0]}"
    # The configuration layer and its transforms wrap what went wrong; the innermost error is the cause.
    if len(chain) > 1 and re.match(r"Failed to instantiate|applying transform", first):
        return f"{first[:200]}: {cause}"
    if len(chain) > 1 and first.startswith("Failed to evaluate"):
        return cause
    return None


def causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from, outermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        # "raise … from None" says that what went before is of no concern: it may quote what must not be printed.
        current = current.__cause__ if current.__suppress_context__ else current.__context__
    return chain
