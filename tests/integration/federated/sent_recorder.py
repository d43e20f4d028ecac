"""A filter of NVFlare, at the border of a site: writes down what is about to be sent."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from nvflare.apis.filter import Filter

#: Folder for what is written down.
VARIABLE = "SENT_RECORDER"


class SentRecorder(Filter):
    """Last in the chain of a site's result filters: nothing is added behind it but NVFlare's own envelope."""

    def process(self, shareable: Any, fl_ctx: Any) -> Any:
        folder = Path(os.environ[VARIABLE])
        name = fl_ctx.get_identity_name()
        number = len(list(folder.glob(f"{name}_*.json")))
        arrays: dict[str, np.ndarray[Any, Any]] = {}
        tree = describe(shareable, "", arrays)
        np.savez(folder / f"{name}_{number}.npz", **arrays)
        (folder / f"{name}_{number}.json").write_text(json.dumps(tree), encoding="utf-8")
        return shareable


def describe(value: Any, path: str, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """Everything in a message: arrays by shape and type, the rest as it is."""
    if isinstance(value, dict):
        return {str(key): describe(item, f"{path}/{key}", arrays) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [describe(item, f"{path}/{number}", arrays) for number, item in enumerate(value)]
    if isinstance(value, np.ndarray | np.generic):
        arrays[path] = np.asarray(value)
        return {"array": str(value.dtype), "shape": list(value.shape)}
    return value if isinstance(value, str | int | float | bool | None) else f"<{type(value).__name__}> {value}"
