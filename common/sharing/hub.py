"""A bundle as a repository of the Hugging Face Hub holds it; uploading is left to the user."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from .errors import SharingError
from .export import prepare
from .manifest import write_manifest
from .names import METADATA, shared_name
from .rules import read_metadata

CARD = "README.md"


def prepare_hub(
    bundle: Path,
    target: Path,
    *,
    name: str | None = None,
    indexes: Iterable[Path] = (),
    ignore: Iterable[str] = (),
    tell: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write a standalone bundle with a model card, in the layout that ``monai.bundle.push_to_hf_hub`` uploads.

    Args:
        bundle: folder of the source bundle.
        target: folder to write to; made when missing.
        name: see :func:`common.sharing.export.export_bundle`.
        indexes: see there.
        ignore: see there.
        tell: is called with a line about every step.

    Returns:
        The bundle's folder, below ``target``.

    Raises:
        SharingError: see there; or the folder exists.
    """
    bundle = bundle.resolve()
    place = target / shared_name(bundle.name, name)
    if place.exists():
        raise SharingError(f"{place}: exists already; choose another folder")
    hidden = target / f".{secrets.token_hex(8)}.part"
    try:
        folder = hidden / place.name
        prepare(bundle, folder, indexes=indexes, ignore=ignore, tell=tell)
        readme = (folder / "docs" / "README.md").read_text(encoding="utf-8")
        (folder / CARD).write_text(model_card(read_metadata(folder), readme), encoding="utf-8")
        write_manifest(folder)
        folder.rename(place)
    except OSError as error:
        raise SharingError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return place


def model_card(metadata: Mapping[str, Any], readme: str) -> str:
    """The page that the hub shows: its own header, the figures, the licences, and the bundle's page.

    Args:
        metadata: of a shared bundle, with its provenance.
        readme: the bundle's page.

    Returns:
        Markdown with a YAML header.
    """
    licences = metadata["provenance"]["licences"]
    header = {
        "library_name": "monai",
        "tags": ["monai", "medical", "chest-radiograph", "tuberculosis"],
        # The hub knows one licence a model: that of the weights, which is not one of its list.
        "license": "other",
        "license_name": "code-and-weights-apart",
        "license_link": "docs/data_license.txt",
        "model_version": metadata["version"],
    }
    figures = "".join(f"| {key.replace('_', ' ')} | {value} |\n" for key, value in metadata["eval_metrics"].items())
    return (
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n"
        f"# {metadata['name']}\n\n{metadata['description']}\n\n{metadata['intended_use']}\n\n"
        f"## Licences\n\n| | |\n| --- | --- |\n| code | {licences['code']} |\n| weights | {licences['weights']} |\n\n"
        f"Training data: {metadata['data_source']}. Their licences: `docs/data_license.txt`.\n\n"
        f"## Figures\n\nFrom `{METADATA}`; how they were measured, with intervals, stands below.\n\n"
        f"| measure | value |\n| --- | ---: |\n{figures}\n{readme}"
    )
