"""Where a shared bundle comes from, as its metadata say."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..io import file_sha256
from .errors import SharingError
from .names import DISTRIBUTION, weights_place


def provenance(
    bundle: Path, package: Path, version: str, metadata: Mapping[str, Any], form: str, code: Mapping[str, Any]
) -> dict[str, Any]:
    """The block ``provenance`` of the metadata.

    Args:
        bundle: folder of the source bundle.
        package: folder of this package.
        version: of this package.
        metadata: of the source bundle.
        form: of the shared bundle.
        code: what became of the package's code, see :mod:`common.sharing.stage`.
    """
    readme = (bundle / "docs" / "README.md").read_text(encoding="utf-8")
    runs = sorted((bundle / "docs" / "training").rglob("*.json"))
    files = [path for path in (bundle / "models").rglob("*") if path.suffix in (".pt", ".bin")]
    weights = {}
    for path in files:
        name = path.relative_to(bundle).as_posix()
        weights[weights_place(name)] = file_sha256(path)
        readme = readme.replace(name, weights_place(name))
    return {
        "format": 1,
        "form": form,
        "source": {
            "bundle": bundle.name,
            "package": DISTRIBUTION,
            "package_version": version,
            **commit(package.parent, [bundle, package]),
        },
        "training_data": metadata.get("data_source", ""),
        "training_data_licences": "docs/data_license.txt",
        "training_runs": [path.relative_to(bundle).as_posix() for path in runs],
        "weights": [{"file": file, "sha256": weights[file]} for file in sorted(weights)],
        "licences": licences(readme),
        "code": dict(code),
    }


def licences(readme: str) -> dict[str, str]:
    """Licences of code and of weights, from the last section of a bundle's page.

    Args:
        readme: text with a section "# License" whose paragraph reads "Code: …. Weights: …."

    Raises:
        SharingError: no such paragraph.
    """
    section = re.search(r"^#+ License\s*$(.*?)(?=^#|\Z)", readme, re.MULTILINE | re.DOTALL)
    found = re.search(
        r"Code:\s*(.+?)\s*Weights:\s*(.+?)\s*(?:\n\s*\n|\Z)", section.group(1) if section else "", re.DOTALL
    )
    if not found:
        raise SharingError('docs/README.md: under "# License", "Code: …. Weights: …." is needed')
    return {name: " ".join(text.split()) for name, text in zip(("code", "weights"), found.groups(), strict=True)}


def commit(repository: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """The git commit of a checkout, and whether files that are shared were changed since; null outside a checkout."""
    head = _git(repository, "rev-parse", "HEAD")
    if head is None:
        return {"commit": None, "changed_since": None}
    status = _git(repository, "status", "--porcelain", "--", *(str(path.resolve()) for path in paths))
    return {"commit": head, "changed_since": None if status is None else bool(status)}


def _git(repository: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
