"""Reading files of tensors, whatever lies at their path."""

from __future__ import annotations

import contextlib
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch

from ..errors import UsageError

#: What :func:`read_tensors` and :func:`read_state` accept, for messages.
TENSORS = "a file of tensors written by torch.save"
STATE = "a file written by torch.save(network.state_dict(), path)"


class WeightsError(UsageError):
    """A file that is missing, is no file of tensors, or holds those of another network."""

    @classmethod
    def refuse(cls, path: str | Path, found: str, accepted: str = TENSORS) -> WeightsError:
        """Compose the line.

        Args:
            path: the file.
            found: what was found there.
            accepted: what would have been accepted.
        """
        return cls(f"{path}: {found}. Accepted: {accepted}.")


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the ``state_dict`` of one network.

    Args:
        path: a file written by ``torch.save(network.state_dict(), path)``, or a checkpoint that holds such a state
            under "model".

    Returns:
        Tensors by name, on the CPU; those of half precision (float16, bfloat16) as float32.

    Raises:
        WeightsError: see :func:`read_tensors`; or the file holds something else than named tensors.
    """
    state = read_tensors(path)
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state["model"]
    if not isinstance(state, dict):
        raise WeightsError.refuse(path, f"not a state_dict but a {type(state).__name__}", STATE)
    foreign = [name for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if foreign or not state:
        what = f"{foreign[0]} is a {type(state[foreign[0]]).__name__}" if foreign else "it is empty"
        raise WeightsError.refuse(path, f"not a state_dict: {what}", STATE)
    return {str(name): tensor.float() if _is_half(tensor) else tensor for name, tensor in state.items()}


def read_tensors(path: str | Path) -> Any:
    """Read what ``torch.save`` wrote, as long as it is tensors, numbers and texts: nothing in the file is executed.

    Args:
        path: the file.

    Returns:
        Its content, on the CPU.

    Raises:
        WeightsError: no such file, a folder, no permission, damaged, of another kind, or with other objects in it.
    """
    with open_weights(path) as stream:
        try:
            with warnings.catch_warnings():
                # What torch has to say about a file beforehand is said again in the error.
                warnings.simplefilter("ignore")
                return torch.load(stream, map_location="cpu", weights_only=True)
        except Exception as error:  # broken bytes may lead the reader to any error at all
            raise WeightsError.refuse(path, _found(Path(path), error)) from error


@contextlib.contextmanager
def open_weights(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for reading in binary mode.

    Raises:
        WeightsError: no such file, a folder, or no permission.
    """
    try:
        with Path(path).open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise WeightsError.refuse(path, "no such file") from None
    except IsADirectoryError:
        raise WeightsError.refuse(path, "a folder, not a file") from None
    except PermissionError:
        raise WeightsError.refuse(path, "no permission to read this file", "files that you may read") from None
    except OSError as error:
        raise WeightsError.refuse(path, f"the file cannot be read ({error.strerror or error})") from error


def _found(path: Path, error: Exception) -> str:
    if not path.stat().st_size:
        return "an empty file"
    # torch's own messages are long, and advise to load the file all the same.
    classes = _foreign_classes(path) if isinstance(error, pickle.UnpicklingError) else []
    if classes:
        return f"objects that are no tensors ({', '.join(classes)})"
    return "a TorchScript archive" if "TorchScript" in str(error) else "not a file of plain tensors, or a damaged one"


def _foreign_classes(path: Path) -> list[str]:
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))[:3]
    except Exception:  # it knows the present format only, and meets the same broken bytes
        return []


def _is_half(tensor: torch.Tensor) -> bool:
    return tensor.dtype in (torch.float16, torch.bfloat16)
