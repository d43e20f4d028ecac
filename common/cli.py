"""Short errors for ``python -m monai.bundle run``."""

from __future__ import annotations

import difflib
import inspect
import logging
import os
import re
import sys
import traceback
from ast import literal_eval
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from monai.bundle import ConfigParser, run
from monai.bundle.utils import DEFAULT_EXP_MGMT_SETTINGS

from .errors import UsageError

#: Set it to anything to see full tracebacks.
DEBUG_VARIABLE = "CXR_TRACEBACK"


def guard_command_line() -> None:
    """Refuse options that no configuration knows, and let errors of use end in one line instead of a traceback.

    To be called first in a bundle's ``initialize``. Outside ``python -m monai.bundle`` it does nothing, so that
    servers and federated clients that evaluate the same configuration keep their own error handling.
    """
    if not os.path.normpath(sys.argv[0]).endswith(os.path.join("monai", "bundle", "__main__.py")):
        return
    sys.excepthook = print_short
    logging.setLogRecordFactory(_short_record)
    problem = unknown_option(sys.argv[1:])
    if problem:
        raise SystemExit(f"error: {problem}")


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


def _short_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """A log record without the traceback of an error of use, which engines log on its way up."""
    record = logging.LogRecord(*args, **kwargs)
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and explain(error) is not None and not os.environ.get(DEBUG_VARIABLE):
        record.exc_info = None
    return record


def causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from, outermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def unknown_option(arguments: Sequence[str]) -> str | None:
    """The first ``--id`` of a ``monai.bundle run`` command line that its configuration files do not define.

    MONAI adds such an id silently, so that a misspelt option has no effect.

    Args:
        arguments: the command line behind ``python -m monai.bundle``.

    Returns:
        A line that names the option and the nearest known one, None when all are known.
    """
    options = [item[2:].split("=", 1)[0] for item in arguments if item.startswith("--") and len(item) > 2]
    value = _value(arguments, "config_file")
    if not arguments or arguments[0] != "run" or value is None:
        return None
    try:
        files = literal_eval(value)
    except (ValueError, SyntaxError):
        files = value
    known = set(ConfigParser.load_config_files(files)) | set(inspect.signature(run).parameters)
    if "tracking" in options:
        known |= set(DEFAULT_EXP_MGMT_SETTINGS["mlflow"]["configs"])
    if any(item.split("=", 1)[-1] in ("true", "false") for item in arguments):
        return "write True or False: the command line takes Python's values, and would take true for a text"
    for option in options:
        name = re.split(r"#|::", option.lstrip("+"))[0]
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean --{near[0]}?" if near else ""
            return f"unknown option --{option}: no such id in {value}{hint}"
    return None


def _value(arguments: Sequence[str], name: str) -> str | None:
    for index, item in enumerate(arguments):
        if item.startswith(f"--{name}="):
            return item.split("=", 1)[1]
        if item == f"--{name}" and index + 1 < len(arguments):
            return arguments[index + 1]
    return None
