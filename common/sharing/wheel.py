"""The package as a wheel, for sites that accept no code inside a bundle."""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

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


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
