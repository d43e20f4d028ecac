"""What libraries and other processes print."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def printed_to(log: Path) -> Iterator[None]:
    """Send all that this process and those that it starts print to the end of a file: they inherit the descriptors."""
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as stream:
        saved = os.dup(1), os.dup(2)
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
