"""Fetching one large file: progress, resume, size and checksum."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import urllib.error
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from ..errors import UsageError

_CHUNK = 1 << 18
_ALGORITHMS = ("sha256", "md5")


class DownloadError(UsageError):
    """A file that could not be fetched or is not what it should be; the message says what to do."""


class _BrokenTransferError(DownloadError):
    """A transfer that broke off and can be taken up again."""


def fetch(
    url: str,
    target: str | Path,
    *,
    checksum: str = "",
    attempts: int = 3,
    wait: float = 2.0,
    timeout: float = 60.0,
    progress: bool = True,
) -> Path:
    """Download a file unless it is there.

    What has arrived is kept in ``target.part`` and taken up again, in this run and in the next, as long as the server
    still offers the same file. ``target`` itself appears only when size and checksum are right.

    Args:
        url: http or https address.
        target: file to write.
        checksum: ``sha256:…`` or ``md5:…``; empty when the publisher gives none, then only the size is checked.
        attempts: how often a broken transfer is taken up before giving up.
        wait: seconds before the second attempt, twice as many before the third, and so on.
        timeout: seconds without any data after which a connection counts as broken.
        progress: whether to draw a progress bar.

    Returns:
        ``target``.

    Raises:
        DownloadError: not reachable, refused, truncated, no room on the disk, or not the expected content.
        ValueError: another kind of address or checksum.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url}: expected an http or https address")
    if checksum and checksum.partition(":")[0] not in _ALGORITHMS:
        raise ValueError(f"checksum {checksum!r}: expected {' or '.join(f'{name}:…' for name in _ALGORITHMS)}")
    path = Path(target)
    if path.is_file():
        _verify(path, checksum, url, keep=True)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    for attempt in range(1, attempts + 1):
        try:
            _transfer(url, part, timeout=timeout, progress=progress)
            break
        except _BrokenTransferError:
            if attempt == attempts:
                raise
            time.sleep(wait * attempt)
    _verify(part, checksum, url, keep=False)
    os.replace(part, path)
    _tag(part).unlink(missing_ok=True)
    return path


def unpack(archive: str | Path, target: str | Path, *, progress: bool = True) -> Path:
    """Unpack a ZIP archive, replacing files of the same name.

    Raises:
        DownloadError: not a ZIP archive, a damaged one, or one with names that lead out of ``target``.
    """
    folder = Path(target)
    try:
        with zipfile.ZipFile(archive) as packed:
            members = packed.infolist()
            for member in members:
                if not (folder / member.filename).resolve().is_relative_to(folder.resolve()):
                    raise DownloadError(f"{archive}: {member.filename} leads out of {folder}; nothing was unpacked")
            for member in tqdm(members, desc="unpacking", unit="file", disable=None if progress else True):
                packed.extract(member, folder)
    except (zipfile.BadZipFile, EOFError) as problem:
        raise DownloadError(f"{archive}: not a complete ZIP archive ({problem}); delete it and run again") from problem
    return folder


def _transfer(url: str, part: Path, *, timeout: float, progress: bool) -> None:
    """Fetch what ``part`` lacks."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": "cxr-tb-common"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if _tag(part).is_file():
            headers["If-Range"] = _tag(part).read_text(encoding="latin-1")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as answer:
            resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            start = have if resumed else 0
            length = answer.headers.get("Content-Length")
            total = start + int(length) if length else None
            _check_room(part, total, start)
            tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            # A weak tag does not promise the same bytes, and no server resumes on it.
            if tag and not tag.startswith("W/"):
                _tag(part).write_text(tag, encoding="latin-1")
            with (
                part.open("ab" if resumed else "wb") as stream,
                tqdm(
                    total=total,
                    initial=start,
                    unit="B",
                    unit_scale=True,
                    desc=part.stem,
                    disable=None if progress else True,
                ) as bar,
            ):
                _copy(answer, stream, bar)
    except urllib.error.HTTPError as problem:
        if problem.code == 416 and have and problem.headers.get("Content-Range") == f"bytes */{have}":
            return  # everything had arrived before
        if problem.code == 416:
            part.unlink()
            raise _BrokenTransferError(f"{url}: the file changed on the server; run again to start over") from problem
        raise DownloadError(f"{url}: the server answers {problem.code} {problem.reason}") from problem
    except (OSError, HTTPException) as problem:
        raise _BrokenTransferError(f"{url}: {problem}; run again to go on where it stopped") from problem
    size = part.stat().st_size
    if total is not None and size < total:
        raise _BrokenTransferError(f"{url}: {size} of {total} bytes arrived; run again to go on where it stopped")
    if total is not None and size > total:
        part.unlink()
        raise DownloadError(f"{url}: {size} bytes arrived, {total} were announced; run again to start over")


def _copy(answer: BinaryIO, stream: BinaryIO, bar: tqdm) -> None:
    while chunk := answer.read(_CHUNK):
        stream.write(chunk)
        bar.update(len(chunk))


def _tag(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _check_room(part: Path, total: int | None, start: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - start > free:
        raise DownloadError(f"{part.parent}: {total - start} bytes to come, {free} free")


def _verify(path: Path, checksum: str, url: str, *, keep: bool) -> None:
    """Compare the checksum; a file of ours that is wrong is removed so that the next run starts over."""
    if not checksum:
        return
    name, _, expected = checksum.partition(":")
    digest = hashlib.new(name)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() == expected.lower():
        return
    if keep:
        advice = "delete or move it and run again"
    else:
        path.unlink()
        _tag(path).unlink(missing_ok=True)
        advice = "removed; run again, and if it stays so, the publisher has changed the file"
    raise DownloadError(f"{path}: {name} is {digest.hexdigest()}, expected {expected} for {url}; {advice}")
