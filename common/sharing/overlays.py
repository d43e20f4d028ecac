"""A bundle whose inference is one of its overlays, for programs that read ``inference.yaml`` alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from monai.bundle import ConfigParser

from .errors import SharingError
from .names import INFERENCE

_META = ConfigParser.meta_key
_HEAD = "# configs/inference.yaml with {names} merged into it.\n"


def with_overlays(bundle: Path, metadata: Mapping[str, Any], overlays: Sequence[Path]) -> tuple[str, dict[str, Any]]:
    """Merge configurations into the inference of a bundle, as ``python -m monai.bundle run`` merges them.

    What they say under the id ``_meta_``, MONAI's own for metadata, goes into the metadata. Comments are lost.

    Args:
        bundle: folder of the source bundle.
        metadata: its metadata.
        overlays: files, later ones win.

    Returns:
        The text of the new ``inference.yaml``, and the new metadata.

    Raises:
        SharingError: a file that is missing or cannot be merged.
    """
    missing = [str(path) for path in overlays if not path.is_file()]
    if missing:
        raise SharingError(f"{missing[0]}: no such file; a configuration of the bundle is needed")
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary) / "metadata.json"
        base.write_text(json.dumps({_META: metadata}), encoding="utf-8")
        try:
            merged = ConfigParser.load_config_files([str(base), str(bundle / INFERENCE), *map(str, overlays)])
        except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            reason = " ".join(str(error).split())[:120]
            raise SharingError(
                f"{', '.join(map(str, overlays))}: cannot be merged into {INFERENCE} ({reason})"
            ) from error
    changed = merged.pop(_META)
    text = yaml.safe_dump(merged, sort_keys=False, allow_unicode=True, width=120)
    return _HEAD.format(names=", ".join(f"configs/{path.name}" for path in overlays)) + text, changed
