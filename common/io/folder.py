"""The radiographs in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from .formats import SUFFIXES, has_preamble


def find_radiographs(folder: str | os.PathLike[str], *, exclude: str | os.PathLike[str] | None = None) -> list[Path]:
    """List the files below a folder that may be radiographs.

    These are files whose name ends like an accepted format, and files of any other name that start as DICOM does.
    Hidden files and folders, DICOMDIR files and all others are passed over. Whether a file can be used is found out
    when it is read.

    Args:
        folder: searched with all its subfolders; links to folders are not followed.
        exclude: a folder to leave out, such as that of the results when it lies below ``folder``.

    Returns:
        Paths that start with ``folder``, sorted.

    Raises:
        FileNotFoundError: there is no such folder, or nothing in it that may be a radiograph.
        NotADirectoryError: it is a file.
        PermissionError: it, or a folder below it, may not be read.
        ValueError: ``exclude`` is the folder itself.
    """
    root = Path(folder)
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such folder")
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: a file; a folder with radiographs is needed")
    left_out = None if exclude is None else Path(exclude).resolve()
    if left_out == root.resolve():
        raise ValueError(f"{root}: results must not lie among the radiographs; name another folder for them")
    found: list[Path] = []
    for parent, folders, names in os.walk(root, onerror=_no_access):
        folders[:] = [n for n in folders if not n.startswith(".") and Path(parent, n).resolve() != left_out]
        found += [path for path in (Path(parent, name) for name in names) if may_be_radiograph(path)]
    if not found:
        raise FileNotFoundError(f"{root}: no radiographs found (DICOM, or a name in {', '.join(SUFFIXES)})")
    return sorted(found)


def may_be_radiograph(path: Path) -> bool:
    """Whether a file has the name of a radiograph, or another name and the first bytes of DICOM."""
    name = path.name
    if name.startswith(".") or name.upper() == "DICOMDIR":
        return False
    if name.lower().endswith(SUFFIXES):
        return True
    try:
        with path.open("rb") as stream:
            return has_preamble(stream.read(132))
    except OSError:
        # Without its first bytes nothing speaks for the file.
        return False


def without_suffix(name: str) -> str:
    """A file name without the ending of an accepted format; other dots, as in DICOM identifiers, stay."""
    endings = [suffix for suffix in SUFFIXES if name.lower().endswith(suffix)]
    return name[: -len(max(endings, key=len))] if endings else name


def _no_access(error: OSError) -> None:
    if isinstance(error, PermissionError):
        raise PermissionError(f"{error.filename}: no permission to read this folder") from None
    raise error
