"""What a training run has written, and how two runs compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch


def state(folder: Path, name: str = "last") -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "models" / f"{name}.pt", weights_only=True)
    return content


def curves(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "curves.csv")


def assert_equal(a: Any, b: Any, place: str = "") -> None:
    """The same nested content, tensors bit for bit."""
    assert type(a) is type(b), place
    if isinstance(a, dict):
        assert a.keys() == b.keys(), place
        for key in a:
            assert_equal(a[key], b[key], f"{place}/{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), place
        for number, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(x, y, f"{place}/{number}")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), place
    else:
        assert a == b, place
