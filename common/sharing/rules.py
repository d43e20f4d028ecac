"""The rules of MONAI's model zoo that a shared bundle keeps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema

from .errors import SharingError
from .names import DISTRIBUTION, METADATA, PACKAGE, TASKS
from .source import REQUIRED

#: meta_schema_20240725.json, as far as it concerns bundles like these.
SCHEMA = Path(__file__).with_name("metadata_schema.json")


def read_metadata(folder: Path) -> dict[str, Any]:
    """Metadata of a bundle.

    Raises:
        SharingError: none, or no JSON object.
    """
    path = folder / METADATA
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SharingError(f"{folder.name}: no {METADATA}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise SharingError(f"{folder.name}/{METADATA}: no JSON ({str(error)[:100]})") from error
    if not isinstance(content, dict):
        raise SharingError(f"{folder.name}/{METADATA}: no JSON object")
    return content


def check_rules(folder: Path) -> dict[str, Any]:
    """Check what the model zoo's own verification checks without running anything.

    That is: a name that tells the task, the files that have to be there under exactly these names, metadata by the
    schema, a version that the changelog describes, and requirements that pip finds.

    Args:
        folder: of the bundle.

    Returns:
        Its metadata.

    Raises:
        SharingError: the first rule that is broken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", folder.name) or not any(task in folder.name for task in TASKS):
        raise SharingError(f"{folder.name}: no name of lower-case letters with the task ({', '.join(TASKS)})")
    for name in REQUIRED:
        if not (folder / name).is_file():
            raise SharingError(f"{folder.name}: no {name}")
    metadata = read_metadata(folder)
    try:
        jsonschema.validate(metadata, json.loads(SCHEMA.read_text(encoding="utf-8")))
    except jsonschema.ValidationError as error:
        raise SharingError(f"{folder.name}/{METADATA}: {error.json_path}: {error.message[:200]}") from error
    if metadata["version"] not in metadata.get("changelog", {}):
        raise SharingError(f"{folder.name}/{METADATA}: version {metadata['version']} is not in the changelog")
    for name in metadata["required_packages_version"]:
        if name in (PACKAGE, DISTRIBUTION):
            raise SharingError(f"{folder.name}/{METADATA}: {name} is on no package index; it must not be required")
    return metadata
