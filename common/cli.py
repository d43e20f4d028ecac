"""Short errors for ``python -m monai.bundle run``."""

from __future__ import annotations

import difflib
import inspect
import itertools
import logging
import os
import re
import sys
from ast import literal_eval
from collections.abc import Mapping, Sequence
from typing import Any

from fire.parser import DefaultParseValue
from monai.bundle import ConfigParser, run
from monai.bundle.utils import DEFAULT_EXP_MGMT_SETTINGS

from .errors import DEBUG_VARIABLE, explain, print_short


def guard_command_line() -> None:
    """Refuse options that would have no effect, and let errors of use end in one line instead of a traceback.

    To be called first in a bundle's ``initialize``. Outside ``python -m monai.bundle`` it does nothing, so that
    servers and federated clients that evaluate the same configuration keep their own error handling.
    """
    if not _is_bundle_command():
        return
    sys.excepthook = print_short
    logging.setLogRecordFactory(_short_record)
    problem = refused_option(sys.argv[1:])
    if problem:
        raise SystemExit(f"error: {problem}")


def _short_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    """A log record without the traceback of an error of use, which engines log on its way up."""
    record = logging.LogRecord(*args, **kwargs)
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and explain(error) is not None and not os.environ.get(DEBUG_VARIABLE):
        record.exc_info = None
    return record


def refused_option(arguments: Sequence[str]) -> str | None:
    """What is wrong with the first option of a ``monai.bundle run`` command line that would not do what it says.

    MONAI says nothing of these: an id that the configuration files do not define is added to them, so that a misspelt
    option has no effect; None counts as an option that was not given; true, false and null are texts.

    Args:
        arguments: the command line behind ``python -m monai.bundle``.

    Returns:
        A line that names the option and what to write instead, None when there is nothing to refuse.
    """
    if not arguments or arguments[0] != "run":
        return None
    options = _options(arguments)
    own = set(inspect.signature(run).parameters)
    for option, text in options.items():
        if option not in own and (text == "null" or DefaultParseValue(text) is None):
            effect = "would be taken for a text" if text == "null" else "would have no effect"
            return f"--{option} {text} {effect}: write --{option} '$None'"
    files = _files(options)
    if files is None:
        return None
    known = set(ConfigParser.load_config_files(files)) | own
    if "tracking" in options:
        known |= set(DEFAULT_EXP_MGMT_SETTINGS["mlflow"]["configs"])
    if any(value in ("true", "false") for value in options.values()):
        return "write True or False: the command line takes Python's values, and would take true for a text"
    for option in options:
        name = _top(option.lstrip("+"))
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean --{near[0]}?" if near else ""
            return f"unknown option --{option}: no such id in {options['config_file']}{hint}"
    return None


def as_written(ids: Sequence[str]) -> dict[str, Any]:
    """Parts of the configuration of this ``python -m monai.bundle run`` command, before anything in it is resolved.

    For records of a run: of the objects that a configuration makes, only the written form tells class and arguments.

    Args:
        ids: top-level ids.

    Returns:
        Content by id, with the options of the command line put in; ids that are not there are left out, options for
        something below other ids (``train#trainer#max_epochs``) are added. Empty in a program started otherwise.
    """
    if not _is_bundle_command():
        return {}
    options = _options(sys.argv[1:])
    files = _files(options)
    if files is None:
        return {}
    given = {name: DefaultParseValue(text) for name, text in options.items()}
    given = {name: value for name, value in given.items() if name not in inspect.signature(run).parameters}
    parser = ConfigParser(ConfigParser.load_config_files(files))
    parser.update(pairs=given)
    content: dict[str, Any] = parser.get()
    below = {name: value for name, value in given.items() if _top(name) not in (name, *ids)}
    return {name: content[name] for name in ids if name in content} | below


def _top(option: str) -> str:
    return re.split(r"#|::", option)[0]


def _is_bundle_command() -> bool:
    return os.path.normpath(sys.argv[0]).endswith(os.path.join("monai", "bundle", "__main__.py"))


def _options(arguments: Sequence[str]) -> dict[str, str]:
    """Texts of ``--name text``, ``--name=text`` and ``-name text``; one that is not there stands for True."""
    options: dict[str, str] = {}
    for item, following in itertools.pairwise([*arguments, "--"]):
        if _is_option(item) and item != "--":
            name, equals, value = item.lstrip("-").partition("=")
            options[name] = value if equals else ("True" if _is_option(following) else following)
    return options


def _is_option(item: str) -> bool:
    return item.startswith("--") or re.match("-[a-zA-Z]", item) is not None


def _files(options: Mapping[str, str]) -> Any:
    """The configuration files of a command line: one path or a list; None when it names none."""
    text = options.get("config_file")
    try:
        return None if text is None else literal_eval(text)
    except (ValueError, SyntaxError):
        return text
