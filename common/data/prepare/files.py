"""Finding the files of a distribution wherever an archive or a re-packaging put them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from filecmp import cmp
from pathlib import Path

from .base import PrepareError

# macOS archives carry a shadow of every file; Shenzhen's lesion outlines are named like radiographs.
_FOREIGN_FOLDERS = {"__macosx", "annotations", "annotations-2", ".ipynb_checkpoints"}


def walk(root: Path) -> Iterator[Path]:
    """All files below a folder in a fixed order, without hidden ones and those of foreign folders."""
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.name.startswith(".") or any(part.lower() in _FOREIGN_FOLDERS for part in inside.parts[:-1]):
            continue
        if path.is_file():
            yield path


def by_name(files: Iterable[Path], pattern: str, *, folder: str | None = None) -> dict[str, Path]:
    """Files whose name matches.

    Args:
        files: candidates.
        pattern: regular expression for the whole file name, ignoring case; its first group becomes the key, in upper
            case.
        folder: regular expression that the name of the file's own folder must match as a whole, ignoring case.

    Returns:
        Path by key. Of copies with the same content, which re-packagings are full of, the one nearest to the top.

    Raises:
        PrepareError: two files of one key differ.
    """
    found: dict[str, Path] = {}
    for path in sorted(files, key=lambda path: (len(path.parts), path)):
        match = re.fullmatch(pattern, path.name, re.IGNORECASE)
        if match is None or (folder and not re.fullmatch(folder, path.parent.name, re.IGNORECASE)):
            continue
        key = match.group(1).upper()
        if key not in found:
            found[key] = path
        elif not cmp(found[key], path, shallow=False):
            raise PrepareError(f"two different files for {key}: {found[key]} and {path}; keep one of them")
    return found
