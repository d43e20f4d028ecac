"""A bundle's configuration of inference, for commands that look at images as the bundle does."""

from __future__ import annotations

import argparse
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


def add_inference_arguments(verb: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that looks at the lists of a data folder as a bundle does."""
    verb.add_argument("bundle_root", type=Path, metavar="BUNDLE", help="folder of the bundle with its weights")
    verb.add_argument("dataset_dir", type=Path, metavar="DATA", help="data folder with index.csv")
    verb.add_argument(
        "--config_file", nargs="+", default=[], metavar="FILE", help="default: BUNDLE/configs/inference.yaml"
    )
    verb.add_argument("--weights", help="weights of the network (default: those of the configuration)")
    verb.add_argument("--split_column", default="seg_split", help="column of the lists (default: seg_split)")
