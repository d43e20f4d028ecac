"""The two functions that MONAI Label imports at its start; nothing that the tests ask of it calls them."""

from __future__ import annotations

from typing import Any, NoReturn


def make_grid(*args: Any, **kwargs: Any) -> NoReturn:
    raise RuntimeError("this is a stand-in for torchvision")


def save_image(*args: Any, **kwargs: Any) -> NoReturn:
    raise RuntimeError("this is a stand-in for torchvision")
