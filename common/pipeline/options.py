"""What the pipeline is asked to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from fire.parser import DefaultParseValue

from ..errors import UsageError

#: Bundles whose results the pipeline joins, in the order of their columns.
PARTS = ("lung_seg", "tb_cls", "tb_seg")
TORCH, ONNX, OPENVINO, INT8 = RUNTIMES = ("torch", "onnx", "openvino", "int8")
#: Ids of the bundles' configurations that the pipeline sets for all of them, and the option that does.
COMMON = {
    "bundle_root": "--bundles",
    "dataset_dir": "DATASET_DIR",
    "output_dir": "OUTPUT_DIR",
    "batch_size": "--batch_size",
    "num_workers": "--num_workers",
    "resume_inference": "--resume",
}
BUNDLES = Path(__file__).resolve().parents[2] / "bundles"


@dataclass(frozen=True)
class PipelineOptions:
    """What the pipeline is asked to do.

    Attributes:
        dataset_dir: searched recursively for radiographs.
        output_dir: gets one folder a part and the joint tables.
        bundles: folder with the bundles.
        parts: names of bundles.
        runtime: one of :data:`RUNTIMES`.
        changes: by part, values by id of its configuration.
        batch_size: radiographs that go through a network at once.
        num_workers: processes that read and prepare radiographs while the networks work; 0 for none.
        resume: do only what an earlier run into the same folder has not done.
        write_overlays: also save the pictures that the parts can draw.
    """

    dataset_dir: Path
    output_dir: Path
    bundles: Path = BUNDLES
    parts: tuple[str, ...] = PARTS
    runtime: str = TORCH
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    batch_size: int = 4
    num_workers: int = 2
    resume: bool = False
    write_overlays: bool = False


def default_runtime() -> str:
    """OpenVINO where it is installed, else torch, which is also the one that uses a GPU."""
    return OPENVINO if find_spec("openvino") is not None and not torch.cuda.is_available() else TORCH


def parse_changes(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read changes of the bundles' configurations from the command line.

    Args:
        texts: ``PART.ID=VALUE`` with a value as ``python -m monai.bundle run`` takes it: numbers, lists, True, False
            and None as in Python, anything else is a text.

    Raises:
        UsageError: not of this form, an unknown part, an id that the pipeline sets itself.
    """
    changes: dict[str, dict[str, Any]] = {}
    for text in texts:
        found = re.fullmatch(r"(\w+)\.([^=]+)=(.*)", text, re.DOTALL)
        if found is None:
            raise UsageError(f"--set {text}: PART.ID=VALUE is needed, as in --set lung_seg.clean_up=False")
        part, name, value = found.groups()
        if part not in PARTS:
            raise UsageError(f"--set {text}: no part {part!r}; parts are {', '.join(PARTS)}")
        if name in COMMON:
            raise UsageError(f"--set {text}: all parts have the same {name}; use {COMMON[name]}")
        if value in ("true", "false", "null"):
            raise UsageError(f"--set {text}: write True, False or None, as in Python")
        changes.setdefault(part, {})[name] = DefaultParseValue(value)
    return changes


def check_known(part: str, changes: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuse a change of what a configuration does not have: it would have no effect.

    Raises:
        UsageError: with the nearest id that there is.
    """
    for name in changes:
        top = re.split(r"#|::", name)[0]
        if top not in config:
            near = difflib.get_close_matches(top, config, n=1)
            hint = f"; did you mean {part}.{near[0]}?" if near else ""
            raise UsageError(f"--set {part}.{name}: the configuration of {part} has no id {top}{hint}")
