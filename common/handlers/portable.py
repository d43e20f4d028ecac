"""Settings as a record may pass them on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .environment import plain


def portable(value: Any) -> Any:
    """A setting as JSON can hold it, without the folders of this machine: of an absolute path, the name alone."""
    if isinstance(value, Mapping):
        return {str(name): portable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item) for item in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else plain(value)
