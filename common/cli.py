"""Short errors for ``python -m monai.bundle run``."""

from __future__ import annotations

import difflib
import inspect
import logging
import os
import re
import sys
import traceback
import warnings
from ast import literal_eval
from collections.abc import Sequence
from types import TracebackType

from monai.bundle import ConfigParser, run

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
    # MONAI tries all of its readers at start and warns of a GPU decoder that these bundles do not use.
    logging.getLogger("monai.data.nvimgcodec_pydicom_plugin").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="NvImgCodecPydicomReader")
    problem = unknown_option(sys.argv[1:])
    if problem:
        raise SystemExit(f"error: {problem}")


def print_short(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An exception hook: the message alone for a :class:`UsageError` or a mistake in a configuration."""
    chain = causes(error)
    usage = next((item for item in chain if isinstance(item, UsageError)), None)
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(kind, error, trace)
    elif usage is not None:
        print(f"error: {usage}", file=sys.stderr)
    elif len(chain) > 1 and re.match(r"(Failed to (evaluate|instantiate)|applying transform)", str(error)):
        # The configuration layer and its transforms wrap what went wrong; the innermost error is the cause.
        inner = chain[-1]
        where = str(error).splitlines()[0][:200]
        print(f"error: {where}: {type(inner).__name__}: {inner}", file=sys.stderr)
        print(f"(set {DEBUG_VARIABLE}=1 for the traceback)", file=sys.stderr)
    else:
        traceback.print_exception(kind, error, trace)


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
    if {"true", "false"} & set(arguments):
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
