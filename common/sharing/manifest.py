"""The list of a shared bundle's files with their SHA-256, in the form that ``sha256sum --check`` reads."""

from __future__ import annotations

import re
from pathlib import Path

from ..io import file_sha256
from .errors import SharingError
from .names import MANIFEST, SIGNATURE

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write_manifest(folder: Path) -> Path:
    """List all files of a bundle's folder in its ``MANIFEST.sha256``; paths start with the folder's own name.

    Returns:
        Path of the list.
    """
    lines = [f"{file_sha256(folder / name)}  {folder.name}/{name}\n" for name in _files(folder)]
    path = folder / MANIFEST
    path.write_text("".join(lines), encoding="utf-8")
    return path


def check_manifest(folder: Path) -> int:
    """Compare a bundle's folder with its list.

    Returns:
        Number of files listed.

    Raises:
        SharingError: no list, a faulty one, a file that is missing, not listed, or another one than listed.
    """
    listed = read_manifest(folder)
    present = set(_files(folder))
    for what, names in (("listed, but missing", set(listed) - present), ("not in the list", present - set(listed))):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise SharingError(f"{folder.name}/{MANIFEST}: {what}: {min(names)}{more}")
    for name, digest in listed.items():
        if file_sha256(folder / name) != digest:
            raise SharingError(f"{folder.name}/{name}: another file than the one in {MANIFEST} (SHA-256 differs)")
    return len(listed)


def read_manifest(folder: Path) -> dict[str, str]:
    """SHA-256 by path below the folder.

    Raises:
        SharingError: no list, or a faulty one.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise SharingError(f"{folder.name}: no {MANIFEST}; not made by python -m common.sharing export")
    listed: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SharingError(f"{folder.name}/{MANIFEST}: not UTF-8") from error
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        name = match.group(2).removeprefix(f"{folder.name}/") if match else ""
        if match is None or name == match.group(2) or name in listed:
            raise SharingError(
                f"{folder.name}/{MANIFEST}:{number}: a SHA-256 and a path below {folder.name}/, each once, are needed"
            )
        listed[name] = match.group(1)
    return listed


def _files(folder: Path) -> list[str]:
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()]
    return sorted(name for name in found if name not in (MANIFEST, SIGNATURE))
