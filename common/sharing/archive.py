"""Zip archives: the same files always make the same bytes, and unpacking one writes nothing but these files."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..io.atomic import atomic_write
from .errors import SharingError

#: The first moment that a zip archive can name.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_MODE = stat.S_IFREG | 0o644
_UNIX = 3
_LOCAL_HEADER = 30
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Attributes:
        files: entries.
        total: bytes of all files together.
        ratio: bytes of a file for each byte that it takes in the archive; weights hardly shrink, texts by 20 at most.
    """

    files: int = 10_000
    total: int = 4 * 2**30
    ratio: int = 100


def write_archive(target: Path, files: Mapping[str, bytes | Path]) -> None:
    """Write files into a zip archive without compression: sorted, of one date and mode, completely or not at all.

    Compressed bytes would depend on the version of the compressing library.

    Args:
        target: the archive; replaced when there is one.
        files: content, or the file that holds it, by path in the archive.

    Raises:
        SharingError: the archive cannot be written.
    """
    try:
        with atomic_write(target) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(name, _MOMENT)
                entry.create_system, entry.external_attr = _UNIX, _MODE << 16
                content = files[name]
                archive.writestr(entry, content.read_bytes() if isinstance(content, Path) else content)
    except OSError as error:
        raise SharingError(f"{target}: cannot be written ({error.strerror or error})") from error


def unpack(path: Path, target: Path, limits: Limits | None = None) -> Path:
    """Unpack a received archive of one folder; nothing is written when any of its entries is refused.

    Args:
        path: the archive.
        target: an empty folder.
        limits: how much it may hold.

    Returns:
        The one folder, below ``target``.

    Raises:
        SharingError: no zip archive, or one with an entry that is refused: a path that is absolute, leaves the folder
            or has unsuitable characters, a link or device, an encrypted one, one name twice (also when they differ in
            nothing but case or Unicode form), files that overlap in the archive, too many, too large, or too much
            smaller in the archive than unpacked.
    """
    limits = limits or Limits()
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_entries(path, entries, limits)
            _check_places(path, archive, entries)
            folder = target / _one_folder(path, entries)
            for entry in entries:
                if not entry.is_dir():
                    _extract(archive, entry, target / entry.filename)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        raise SharingError(f"{path}: no zip archive, or a damaged one ({error})") from error
    except OSError as error:
        raise SharingError(f"{path}: cannot be unpacked ({error.strerror or error})") from error
    return folder


def read_files(path: Path, limits: Limits) -> dict[str, bytes]:
    """Files of a received archive by their names, unpacked in memory alone.

    Args:
        path: the archive.
        limits: how much it may hold.

    Raises:
        SharingError: see :func:`unpack`; it may hold more than one folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_entries(path, entries, limits)
            _check_places(path, archive, entries)
            return {entry.filename: archive.read(entry) for entry in entries if not entry.is_dir()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        raise SharingError(f"{path}: no zip archive, or a damaged one ({error})") from error
    except OSError as error:
        raise SharingError(f"{path}: cannot be read ({error.strerror or error})") from error


def _check_entries(path: Path, entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(entries) > limits.files:
        raise SharingError(f"{path}: {len(entries)} entries; {limits.files} are accepted")
    total = sum(entry.file_size for entry in entries)
    if total > limits.total:
        raise SharingError(f"{path}: unpacks to {total} bytes; {limits.total} are accepted")
    seen: dict[str, str] = {}
    for entry in entries:
        problem = _problem(entry, limits)
        if problem:
            raise SharingError(f"{path}: {entry.orig_filename!r}: {problem}")
        # As a file system sees it that ignores case, or composes and decomposes letters.
        plain = _plain(entry.filename.rstrip("/"))
        if plain in seen:
            raise SharingError(f"{path}: {entry.filename!r}: the same name as {seen[plain]!r} on some systems")
        seen[plain] = entry.filename
    files = {name for name, original in seen.items() if not original.endswith("/")}
    for name in seen:
        parts = name.split("/")
        above = {"/".join(parts[:count]) for count in range(1, len(parts))} & files
        if above:
            raise SharingError(f"{path}: {seen[name]!r}: lies below {seen[min(above)]!r}, which is a file")
    # Folders that differ in case alone would become one.
    folders: dict[str, str] = {}
    for entry in entries:
        parts = entry.filename.rstrip("/").split("/")
        for count in range(1, len(parts)):
            folder = "/".join(parts[:count])
            if folders.setdefault(_plain(folder), folder) != folder:
                raise SharingError(f"{path}: {entry.filename!r}: folder named like {folders[_plain(folder)]!r}")


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _problem(entry: zipfile.ZipInfo, limits: Limits) -> str | None:
    name = entry.orig_filename
    kind = stat.S_IFMT(entry.external_attr >> 16)
    parts = name.rstrip("/").split("/") if name != "/" else ["", ""]
    if name != entry.filename or "\\" in name or any(not letter.isprintable() for letter in name):
        return "a name with unsuitable characters"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "an absolute path"
    if any(part in ("", ".", "..") for part in parts):
        return "a path that leaves its folder"
    if any(part[-1] in ". " or ":" in part or _DEVICES.fullmatch(part) for part in parts):
        return "a name that some systems cannot have"
    if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        return "no plain file (a link, a device or the like)"
    if entry.flag_bits & _ENCRYPTED:
        return "encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "compressed by a method that is not accepted"
    if entry.is_dir() and entry.file_size:
        return "a folder with content of its own"
    if entry.file_size > limits.ratio * max(entry.compress_size, 1):
        return f"{entry.file_size} bytes from {entry.compress_size}; {limits.ratio} times as many are accepted"
    return None


def _check_places(path: Path, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse files that share bytes of the archive, by which a small one unpacks to a large one."""
    end = 0
    for entry in sorted(entries, key=lambda item: item.header_offset):
        if entry.header_offset < end:
            raise SharingError(f"{path}: {entry.filename!r}: overlaps another file in the archive")
        end = entry.header_offset + _LOCAL_HEADER + len(entry.orig_filename) + entry.compress_size
    if end > archive.start_dir:
        raise SharingError(f"{path}: a file overlaps the archive's directory")


def _one_folder(path: Path, entries: list[zipfile.ZipInfo]) -> str:
    tops = {entry.filename.split("/")[0] for entry in entries}
    if len(tops) != 1 or any("/" not in entry.filename for entry in entries):
        raise SharingError(f"{path}: one folder with a bundle is needed, found {len(tops)} entries at the top")
    return tops.pop()


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    left = entry.file_size
    with archive.open(entry) as source, target.open("xb") as stream:
        while block := source.read(min(1 << 20, left + 1)):
            left -= len(block)
            if left < 0:
                raise zipfile.BadZipFile(f"{entry.filename} is larger than stated")
            stream.write(block)
        if left:
            raise zipfile.BadZipFile(f"{entry.filename} is smaller than stated")
        stream.flush()
        os.fsync(stream.fileno())
    target.chmod(0o644)
