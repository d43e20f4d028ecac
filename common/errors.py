"""Errors whose message is all that a user needs."""

from __future__ import annotations


class UsageError(ValueError):
    """Something outside the code is wrong: a path, a file, a value in a configuration.

    The message is one line that names what was found and what is accepted. Command lines print it without a
    traceback (see :mod:`common.cli`).
    """
