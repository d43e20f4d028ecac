"""What a run ran on, for its record."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from .ranks import process_count

PACKAGES = ("cxr-tb-common", "monai", "torch", "pytorch-ignite", "numpy", "pydicom", "pillow")
#: Other runtimes of networks, told of where they are loaded.
RUNTIMES = ("openvino", "onnxruntime")


def environment() -> dict[str, Any]:
    """Versions of Python and the packages that shape the results, processor, threads, GPU and number of processes."""
    loaded = [name for name in RUNTIMES if name in sys.modules]
    return {
        "packages": {name: _version(name) for name in (*PACKAGES, *loaded)},
        "python": platform.python_version(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "processes": process_count(),
    }


def plain(value: Any) -> Any:
    """A setting as JSON can hold it: of an object that is more than data, the name of its class."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else type(value).__name__


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
