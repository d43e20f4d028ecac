"""What a received bundle would execute and where it says it comes from: nothing of it is executed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .archive import unpack
from .errors import SharingError
from .listing import Entry, list_code, list_configs, list_logging, list_wheel
from .manifest import check_manifest
from .names import SIGNATURE
from .rules import check_rules, read_metadata
from .signature import check_signature
from .source import CONTENT
from .weights import Tensor, check_weights
from .wheel import delivered_wheel

#: Files that may lie in a bundle beside the contents of its folders.
_AT_TOP = ("LICENSE", "MANIFEST.sha256", SIGNATURE)


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        name: folder in the archive.
        files: size by path.
        entries: what would be executed, and what is unusual.
        tensors: of each file of weights.
        provenance: as the metadata state it.
        signature: in words.
    """

    name: str
    files: dict[str, int]
    entries: list[Entry]
    tensors: dict[str, list[Tensor]]
    provenance: dict[str, Any]
    signature: str

    @property
    def marked(self) -> list[Entry]:
        """The unusual ones."""
        return [entry for entry in self.entries if entry.mark]


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The bundle's folder in an archive, unpacked for the time of the block; a folder stays where it is.

    Raises:
        SharingError: see :func:`common.sharing.archive.unpack`.
    """
    if path.is_dir():
        yield path.resolve()
        return
    if not path.exists():
        raise SharingError(f"{path}: no such file")
    with tempfile.TemporaryDirectory() as temporary:
        yield unpack(path, Path(temporary))


def inspect_bundle(folder: Path, trusted: Path | None = None, beside: Path | None = None) -> Inspection:
    """Look through a bundle's folder.

    Args:
        folder: of an unpacked archive; any bundle of the model zoo's form will do.
        trusted: public key that a signature is checked with.
        beside: folder of the archive; the wheel of a bundle without code, which lies there, is looked through as well.
    """
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()
    }
    entries = [*list_configs(folder), *list_logging(folder), *list_code(folder), *_foreign_files(files)]
    for check in (check_rules, check_manifest):
        try:
            check(folder)
        except SharingError as error:
            entries.append(Entry("other", folder.name, "", str(error)))
    if beside is not None:
        entries += _of_wheel(folder, beside)
    tensors: dict[str, list[Tensor]] = {}
    for name in (name for name in files if name.endswith(".pt")):
        try:
            tensors[name] = check_weights(folder / name)
        except SharingError as error:
            text = str(error).replace(f"{folder}/", "")
            entries.append(Entry("other", name, "", text))
    try:
        stated = read_metadata(folder).get("provenance", {})
    except SharingError:
        stated = {}
    return Inspection(
        name=folder.name,
        files=files,
        entries=entries,
        tensors=tensors,
        provenance=stated if isinstance(stated, dict) else {},
        signature=_signature(folder, trusted),
    )


def _of_wheel(folder: Path, beside: Path) -> list[Entry]:
    try:
        metadata = read_metadata(folder)
    except SharingError:
        # It is marked by the rules already.
        return []
    try:
        wheel = delivered_wheel(metadata, beside)
        return list_wheel(wheel) if wheel else []
    except SharingError as error:
        return [Entry("other", "wheel", "", str(error))]


def _foreign_files(files: dict[str, int]) -> Iterator[Entry]:
    for name in files:
        folder, _, rest = name.partition("/")
        code = folder == "scripts" and name.endswith((".py", ".csv", ".json"))
        if name not in _AT_TOP and not code and not (rest and name.endswith(CONTENT.get(folder, ()))):
            yield Entry("other", name, "", "no kind of file that a shared bundle holds")


def _signature(folder: Path, trusted: Path | None) -> str:
    if trusted is None:
        signed = (folder / SIGNATURE).is_file()
        return "signed, not checked: give --trusted KEY.pub" if signed else "not signed"
    try:
        check_signature(folder, trusted)
    except SharingError as error:
        return str(error)
    return f"by the key {trusted}"
