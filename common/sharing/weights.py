"""What lies in a file of weights, read without executing anything."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch

from ..networks import WeightsError, read_tensors
from .errors import SharingError


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file.

    Attributes:
        name: in the ``state_dict``.
        shape: sides.
        dtype: such as "float16".
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


def check_weights(path: Path) -> list[Tensor]:
    """List the tensors of a file, and refuse one that holds anything else.

    Args:
        path: written by ``torch.save(network.state_dict(), path)``.

    Raises:
        SharingError: no such file, a pickle of other objects, a compressed file, or tensors that are larger than what
            is stored of them (views that repeat a few values fill the memory of whoever copies them).
    """
    if not zipfile.is_zipfile(path):
        raise SharingError(f"{path}: not a file that torch.save writes today")
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise SharingError(f"{path}: compressed inside; torch.save does not write that")
    try:
        state = read_tensors(path)
    except WeightsError as error:
        raise SharingError(str(error)) from error
    if not isinstance(state, dict) or not state:
        raise SharingError(f"{path}: no state_dict but {type(state).__name__}")
    tensors = []
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise SharingError(f"{path}: {name}: no plain tensor but {type(value).__name__}")
        if value.layout != torch.strided or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise SharingError(f"{path}: {name}: a view that is larger than its values")
        tensors.append(Tensor(name, tuple(value.shape), str(value.dtype).removeprefix("torch.")))
    return tensors
