"""Which files of a bundle's folder are passed on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .errors import SharingError
from .names import METADATA

#: Folder -> endings of the files that are passed on.
CONTENT = {
    "configs": (".yaml", ".yml", ".json", ".conf"),
    "models": (".pt", ".json", ".xml", ".bin"),  # .xml and .bin: a model in OpenVINO's own form, which holds no code
    "docs": (".md", ".txt", ".csv", ".json", ".png", ".svg"),
}
#: What runs leave in a bundle's folder.
_LEFTOVERS = {"eval", "runs", "data", "__pycache__"}
REQUIRED = ("LICENSE", METADATA, "configs/inference.yaml", "models/model.pt", "docs/README.md", "docs/data_license.txt")


def bundle_files(bundle: Path) -> list[str]:
    """Files of a source bundle that are shared, by their paths below it, sorted.

    Left out: what runs write (``eval``, ``runs``), data, hidden files and byte code.

    Raises:
        SharingError: no bundle, one that is incomplete, or one that holds files of kinds that are not shared.
    """
    if not bundle.is_dir():
        raise SharingError(f"{bundle}: no such folder; a bundle such as bundles/lung_seg is needed")
    found = sorted(path.relative_to(bundle).as_posix() for path in _walk(bundle))
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise SharingError(f"{bundle}: no bundle that can be shared: {', '.join(missing)} missing")
    for name in found:
        folder, _, rest = name.partition("/")
        if name != "LICENSE" and not (rest and name.endswith(CONTENT.get(folder, ()))):
            kinds = "; ".join(f"{folder}/: {' '.join(endings)}" for folder, endings in CONTENT.items())
            raise SharingError(f"{bundle / name}: no file that is shared; those are LICENSE; {kinds}. Move it away")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _LEFTOVERS:
            continue
        if path.is_symlink():
            raise SharingError(f"{path}: a link; put the file itself there")
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path
