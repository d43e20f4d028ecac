"""The package as a wheel, for sites that accept no code inside a bundle."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from ..io.file_hash import file_sha256
from .archive import write_archive
from .errors import SharingError
from .names import DISTRIBUTION

#: Lists of the images of public sets: names of patients, which only `python -m common.data prepare` reads.
_WITHHELD = "data/splits"
_TAGS = "Wheel-Version: 1.0\nGenerator: common.sharing\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(package: Path, folder: Path) -> Path:
    """Write the package as an installable wheel (PyPA's binary distribution format 1.0), offline.

    The same package makes the same bytes. Its published split lists stay out: they name images of patients, and
    without them ``python -m common.data prepare`` leaves the columns of the lists empty.

    Args:
        package: folder of the package.
        folder: where the wheel goes.

    Returns:
        Its path.

    Raises:
        SharingError: the package is not installed, so that its description is not to be had.
    """
    try:
        installed = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise SharingError(f"{DISTRIBUTION} is not installed; pip install it first") from None
    version = installed.version
    stem = f"{DISTRIBUTION.replace('-', '_')}-{version}"
    files: dict[str, bytes] = {}
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package).as_posix()
        if path.is_file() and path.suffix != ".pyc" and not name.startswith(f"{_WITHHELD}/"):
            files[f"{package.name}/{name}"] = path.read_bytes()
    information = f"{stem}.dist-info"
    files[f"{information}/METADATA"] = (installed.read_text("METADATA") or "").encode()
    files[f"{information}/WHEEL"] = _TAGS.encode()
    files[f"{information}/top_level.txt"] = f"{package.name}\n".encode()
    for found in installed.files or []:
        if "licenses" in found.parts:
            files[f"{information}/licenses/{found.name}"] = found.read_binary()
    record = f"{information}/RECORD"
    lines = [f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in sorted(files.items())]
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    target = folder / f"{stem}-py3-none-any.whl"
    write_archive(target, files)
    return target


def delivered_wheel(metadata: Mapping[str, Any], beside: Path) -> Path | None:
    """The wheel that a bundle without code names, as long as it is the one that was delivered with it.

    Args:
        metadata: of the bundle.
        beside: folder of the archive, where the wheel lies.

    Returns:
        Its path; None for a bundle with code.

    Raises:
        SharingError: its name leads elsewhere, it is missing, or it is another one.
    """
    stated = metadata.get("provenance")
    code = stated.get("code") if isinstance(stated, dict) else None
    name = code.get("wheel") if isinstance(code, dict) else None
    if name is None or not isinstance(code, dict):
        return None
    if not isinstance(name, str) or Path(name).name != name or not name.endswith(".whl"):
        raise SharingError(f"configs/metadata.json: {name!r} is no name of a wheel")
    path = beside / name
    if not path.is_file():
        raise SharingError(f"{path}: missing; this bundle holds no code and needs this wheel beside the archive")
    if file_sha256(path) != code.get("sha256"):
        raise SharingError(f"{path}: another wheel than the one that was delivered with this bundle (SHA-256 differs)")
    return path


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
