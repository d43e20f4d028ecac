"""A bundle's configuration of inference, for commands that look at images as the bundle does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from .errors import UsageError


def read_inference(
    bundle_root: str | Path, config_files: Sequence[str | Path] = (), overrides: dict[str, Any] | None = None
) -> ConfigParser:
    """Read the configuration of inference of a bundle.

    Args:
        bundle_root: folder of the bundle.
        config_files: configurations, the later ones over the earlier; ``configs/inference.yaml`` by default.
        overrides: values of top-level ids.

    Raises:
        UsageError: a file does not exist.
    """
    files = [Path(name) for name in config_files] or [Path(bundle_root) / "configs" / "inference.yaml"]
    for file in files:
        if not file.is_file():
            raise UsageError(f"{file}: no such configuration")
    parser = ConfigParser()
    parser.read_config([str(file) for file in files])
    parser.update({"bundle_root": str(bundle_root), **(overrides or {})})
    return parser
