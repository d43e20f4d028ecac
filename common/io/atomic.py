"""Files that are there completely or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Write a file so that no reader, crash or full disk ever meets half of it.

    The bytes go to a hidden file in the same folder, which takes the place of ``path`` when the block ends without
    an error. After an error ``path`` is what it was before, and the hidden file is gone.

    Example::

        with atomic_write("mask.png") as stream:
            picture.save(stream, format="PNG")

    Args:
        path: the file to write; its folder has to exist.

    Yields:
        The stream to write to.

    Raises:
        OSError: the file cannot be written; the message names ``path``, not the hidden file.
    """
    target = Path(path)
    # A short name of its own: the target's name may already be as long as the file system permits.
    part = target.parent / f".{secrets.token_hex(8)}.part"
    try:
        with part.open("xb") as stream:
            yield stream
        os.replace(part, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise type(error)(error.errno, error.strerror or str(error), str(target)) from error
        raise
