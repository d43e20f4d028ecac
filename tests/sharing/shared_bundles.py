"""The bundles that can be shared, and tools to take shared ones apart."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch

from common.sharing.archive import write_archive
from common.sharing.manifest import write_manifest
from common.sharing.names import SHARED_NAMES
from common.sharing.source import REQUIRED

REPOSITORY = Path(__file__).resolve().parents[2]
BUNDLES = [name for name in SHARED_NAMES if all((REPOSITORY / "bundles" / name / file).is_file() for file in REQUIRED)]


def is_described(name: str) -> bool:
    """Whether a bundle's page is written to its end, the licences, without which it is not shared."""
    return "\n# License\n" in (source(name) / "docs" / "README.md").read_text(encoding="utf-8")


def source(name: str) -> Path:
    """Folder of a source bundle."""
    return REPOSITORY / "bundles" / name


def extract(archive: Path, target: Path) -> Path:
    """Unpack an archive by the standard library; returns its one folder."""
    with zipfile.ZipFile(archive) as file:
        file.extractall(target)
    (folder,) = target.iterdir()
    return folder


def pack(folder: Path, target: Path, *, listed: bool = True) -> Path:
    """An archive of a folder, whose list of files is made anew unless ``listed`` is false."""
    if listed:
        write_manifest(folder)
    write_archive(
        target, {path.relative_to(folder.parent).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    )
    return target


def shrink_weights(folder: Path) -> None:
    """Put one small tensor in the place of every file of weights."""
    for path in folder.glob("models/**/*.pt"):
        torch.save({"weight": torch.arange(6, dtype=torch.float16).reshape(2, 3)}, path)
