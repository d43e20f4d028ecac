"""The environment of its own that MONAI Label runs in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import LabelError

#: The release whose ways are known here.
MONAI_LABEL = "0.8.5"
#: MONAI Label imports this package, whose last release does not run with pydicom 3; its successor has another name.
_ALIAS = '''\
"""pydicom-seg under the name that MONAI Label imports it by."""

from pydicom_seg_rb import MultiClassReader, MultiClassWriter, SegmentReader, template

__all__ = ["MultiClassReader", "MultiClassWriter", "SegmentReader", "template"]
'''
_LOOK = """\
import importlib, importlib.metadata as meta, json, sys, sysconfig
found = {"prefix": sys.prefix, "site": sysconfig.get_path("purelib"), "versions": {}, "broken": {}}
for name in ("monailabel", "monai", "torch", "numpy", "pydicom-seg-rb"):
    try:
        found["versions"][name] = meta.version(name)
    except meta.PackageNotFoundError:
        pass
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        found["broken"][name] = f"{type(error).__name__}: {error}".splitlines()[0]
print(json.dumps(found))
"""
_TORCHVISION = (
    "MONAI Label imports torchvision at its start. Install the release that belongs to the environment's torch "
    "({python} -m pip install --no-deps torchvision==0.28.0 for torch 2.13.0), or see docs/monai_label.md where "
    "that is not possible"
)


@dataclass(frozen=True)
class Environment:
    """An environment in which MONAI Label starts.

    Attributes:
        python: its interpreter.
        prefix: its folder, in which the sample apps lie.
        versions: of monailabel, monai, torch and numpy.
    """

    python: Path
    prefix: Path
    versions: Mapping[str, str]

    @property
    def stock_app(self) -> Path:
        """Folder of the app for bundles that MONAI Label ships."""
        return self.prefix / "monailabel" / "sample-apps" / "monaibundle"


def find_environment(folder: Path, environ: Mapping[str, str] | None = None) -> Environment:
    """Look into an environment, complete it, and make sure that the server will start in it.

    Completed is one module, ``pydicom_seg``, which hands on the installed package pydicom-seg-rb.

    Args:
        folder: of the environment, as ``python -m venv`` makes it.
        environ: variables of the server's process; those of this one by default.

    Raises:
        LabelError: there is none, or something that MONAI Label needs is missing in it; the message says what to do.
    """
    python = next((path for name in ("bin/python", "Scripts/python.exe") if (path := folder / name).is_file()), None)
    if python is None:
        raise LabelError(f"{folder}: no environment of MONAI Label; `make label STUDIES=folder` makes it")
    # Not resolved: an environment's interpreter is a link, and knows its environment by the link's place.
    python = python.absolute()
    found = _look(python, [], environ)
    versions = found["versions"]
    if versions.get("monailabel") != MONAI_LABEL:
        have = versions.get("monailabel", "none")
        raise LabelError(f"{folder}: monailabel {MONAI_LABEL} is needed, found {have}; `make label` installs it")
    alias = Path(found["site"]) / "pydicom_seg.py"
    if "pydicom-seg-rb" in versions and not alias.exists():
        alias.write_text(_ALIAS, encoding="utf-8")
    broken = _look(python, ["pydicom_seg", "torchvision.utils"], environ)["broken"]
    for name, error in broken.items():
        help_text = _TORCHVISION.format(python=python) if name == "torchvision.utils" else "`make label` installs it"
        raise LabelError(f"{folder}: {name} cannot be imported ({error}). {help_text}")
    return Environment(python, Path(found["prefix"]), versions)


def _look(python: Path, modules: list[str], environ: Mapping[str, str] | None) -> dict:
    done = subprocess.run(
        [python, "-c", _LOOK, *modules], capture_output=True, text=True, env=environ and dict(environ), check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LabelError(f"{python}: does not run ({last[:200]})")
    found: dict = json.loads(done.stdout.splitlines()[-1])
    return found
