"""A received bundle put in its place: complete or not at all."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .archive import unpack
from .errors import SharingError
from .names import METADATA
from .verify import Verified, verify_folder

#: Linux: renameat2 and its arguments for paths from the current folder, and for two names that change places.
_CURRENT, _EXCHANGE = -100, 2


def import_archive(
    archive: Path,
    target: Path,
    *,
    replace: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> tuple[Path, Verified]:
    """Verify an archive and put its bundle below a folder.

    It is unpacked and verified under a hidden name in that folder, and takes its place in one step: a crash leaves at
    most the hidden folder behind, never a part of a bundle under its name, and a bundle that was there stays whole.

    Args:
        archive: received.
        target: folder of bundles; made when missing.
        replace: put it in the place of a bundle of the same name.
        tell: is called with every line of the result.
        options: of :func:`common.sharing.verify.verify_folder`.

    Returns:
        The bundle's folder, and what was verified.

    Raises:
        SharingError: the archive is refused, a bundle of this name is there already, or the folder cannot be written.
    """
    if not archive.is_file():
        raise SharingError(f"{archive}: no such file")
    hidden = target / f".{secrets.token_hex(8)}.part"
    try:
        hidden.mkdir(parents=True)
        folder = unpack(archive, hidden)
        place = target / folder.name
        _refuse(place, replace=replace)
        verified = verify_folder(folder, beside=archive.resolve().parent, tell=tell, **options)
        _put(folder, place, replace=replace)
    except OSError as error:
        raise SharingError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return place, verified


def _refuse(place: Path, *, replace: bool) -> None:
    if not os.path.lexists(place):
        return
    if not replace:
        raise SharingError(f"{place}: exists already; --replace puts the new bundle in its place")
    if place.is_symlink() or not (place / METADATA).is_file():
        raise SharingError(f"{place}: not a bundle, hence not replaced")


def _put(folder: Path, place: Path, *, replace: bool) -> None:
    # It may have come there while the archive was verified.
    _refuse(place, replace=replace)
    if not place.exists():
        # Refused by the system when a bundle with content has come there meanwhile.
        os.rename(folder, place)
    elif not _exchange(folder, place):
        # Elsewhere than on Linux two steps are needed, and the first is taken back when the second fails.
        old = folder.parent / f"{folder.name}.old"
        os.rename(place, old)
        try:
            os.rename(folder, place)
        except BaseException:
            os.rename(old, place)
            raise
    _sync(place.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Let two folders change places in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and rename(_CURRENT, os.fsencode(first), _CURRENT, os.fsencode(second), _EXCHANGE) == 0


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
