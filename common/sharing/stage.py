"""The folder of a shared bundle, put together from a source bundle."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..io import file_sha256, write_json
from .configs import package_names, standalone_configs
from .modules import needed_files
from .names import DISTRIBUTION, INFERENCE, METADATA, STANDALONE, VENDORED, weights_place
from .overlays import with_overlays
from .privacy import withhold, withhold_in_remarks
from .provenance import provenance
from .rules import read_metadata
from .source import bundle_files
from .wheel import write_wheel

#: Folder of this package.
PACKAGE_DIR = Path(__file__).resolve().parents[1]
_STANDALONE_NOTE = """\
## About This Copy

This folder needs the packages that `configs/metadata.json` names and nothing else; the code that it shares with other
bundles lies in `scripts/common`. Commands that start with `python -m common.` belong to the package it was made from
and are not part of it. MONAI's commands that make the network without running the bundle (`verify_net_in_out`,
`ckpt_export`, `onnx_export`) are started inside this folder. `sha256sum --check {name}/MANIFEST.sha256`, started in the
folder above, compares the files with their list. Images in `docs/reference` are drawn, not radiographs of patients.

"""
_WEIGHTS_NOTE = """\
## About This Copy

This folder holds no code. Its configurations name the package `common`: `pip install {wheel}`, delivered beside it.
`sha256sum --check {name}/MANIFEST.sha256`, started in the folder above, compares the files with their list. Images in
`docs/reference` are drawn, not radiographs of patients.

"""


@dataclass
class Stage:
    """What became of a source bundle.

    Attributes:
        folder: the shared bundle's.
        form: standalone or weights.
        vendored: files of the package that lie in it, below ``scripts/common``.
        wheel: the package, for the form without code.
        withheld: document or module -> names of patients and images taken out.
    """

    folder: Path
    form: str
    vendored: list[str] = field(default_factory=list)
    wheel: Path | None = None
    withheld: dict[str, int] = field(default_factory=dict)


def stage_bundle(
    bundle: Path, folder: Path, form: str, names: Iterable[str] = (), overlays: Sequence[Path] = ()
) -> Stage:
    """Copy a source bundle in a form that others can run.

    Args:
        bundle: its folder.
        folder: new folder, under the name that it is shared by; a wheel is written beside it.
        form: standalone or weights.
        names: names of patients and images to withhold in documents, beside those of the public sets.
        overlays: configurations to merge into ``configs/inference.yaml``, see :func:`.overlays.with_overlays`.

    Raises:
        SharingError: the bundle cannot be shared.
    """
    files = bundle_files(bundle)
    folder.mkdir(parents=True)
    stage = Stage(folder, form)
    configs = {name: _text(bundle / name) for name in files if name.startswith("configs/") and _is_config(name)}
    metadata = read_metadata(bundle)
    if overlays:
        configs[INFERENCE], metadata = with_overlays(bundle, metadata, overlays)
    moved = {name: weights_place(name) for name in files if weights_place(name) != name}
    configs = {name: _renamed(text, moved) for name, text in configs.items()}
    if form == STANDALONE:
        stage.vendored = _vendor(stage, package_names(configs))
        configs = standalone_configs(configs)
        code: dict[str, Any] = {"vendored": VENDORED.replace(".", "/"), "files": len(stage.vendored)}
        note = _STANDALONE_NOTE.format(name=folder.name)
    else:
        stage.wheel = write_wheel(PACKAGE_DIR, folder.parent)
        code = {"wheel": stage.wheel.name, "sha256": file_sha256(stage.wheel)}
        note = _WEIGHTS_NOTE.format(name=folder.name, wheel=stage.wheel.name)
    for name in files:
        target = folder / moved.get(name, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in configs:
            target.write_text(configs[name], encoding="utf-8")
        elif name.startswith("docs/") and target.suffix in (".md", ".txt"):
            text = _renamed(_text(bundle / name), moved)
            if name == "docs/README.md":
                text = _with_note(text, note)
            _write(stage, target, text, lambda text: withhold(text, names))
        else:
            shutil.copyfile(bundle / name, target)
    # A bundle that was received and is passed on keeps no account of an earlier form.
    metadata["provenance"] = provenance(bundle, PACKAGE_DIR, __version__, metadata, form, code)
    write_json(folder / METADATA, metadata)
    return stage


def _renamed(text: str, moved: Mapping[str, str]) -> str:
    for old, new in moved.items():
        text = text.replace(old, new)
    return text


def _vendor(stage: Stage, names: set[str]) -> list[str]:
    needed = [path.as_posix() for path in needed_files(PACKAGE_DIR, names)]
    scripts = stage.folder / "scripts"
    scripts.mkdir()
    (scripts / "__init__.py").write_text(
        f'"""Code of this bundle: {DISTRIBUTION} {__version__}."""\n', encoding="utf-8"
    )
    for name in needed:
        target = stage.folder / VENDORED.replace(".", "/") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".py":
            _write(stage, target, _text(PACKAGE_DIR / name), withhold_in_remarks)
        else:
            shutil.copyfile(PACKAGE_DIR / name, target)
    return needed


def _write(stage: Stage, target: Path, text: str, clean: Callable[[str], tuple[str, int]]) -> None:
    text, count = clean(text)
    target.write_text(text, encoding="utf-8")
    if count:
        stage.withheld[target.relative_to(stage.folder).as_posix()] = count


def _with_note(readme: str, note: str) -> str:
    """The note goes before the references and the licence, which end the page."""
    place = re.search(r"^# (?:References|License)", readme, re.MULTILINE)
    start = place.start() if place else len(readme)
    return readme[:start] + note + readme[start:]


def _is_config(name: str) -> bool:
    return name != METADATA and name.endswith((".yaml", ".yml", ".json"))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
