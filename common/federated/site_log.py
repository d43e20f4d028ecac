"""A log that stays at the site."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

#: Libraries whose messages may quote files, and this package.
_LOCAL = ("common", "ignite", "monai", "py.warnings")


@contextlib.contextmanager
def own_log(file: str | Path) -> Iterator[None]:
    """Let training write its messages to a file of the site, and not to NVFlare's logs.

    NVFlare's logs are no place for names of files: clients send ``error_log.txt`` to the server unless their
    ``allow_log_streaming`` is false, and a job can ask for ``log.txt``.

    Args:
        file: is appended to.
    """
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    loggers = [logging.getLogger(name) for name in _LOCAL]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate
        handler.close()
