"""What runtimes have in common that compile the network of the configuration when the first batch comes."""

from __future__ import annotations

import hashlib
import importlib
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from monai.inferers import Inferer
from torch import nn

from ..errors import UsageError


class MissingPackageError(UsageError, ImportError):
    """A package that comes with an extra is not installed; the message says how to install it."""


class CompiledInferer(Inferer):
    """Compiles a torch network at the first batch; nothing has to be exported beforehand.

    The network is compiled again only when another network, other weights or another image size comes. Preprocessing
    and post-processing stay those of the torch path.
    """

    def __init__(self) -> None:
        super().__init__()
        self._key: tuple[int, tuple[int, ...]] | None = None
        self._network: nn.Module | None = None
        self._made: tuple[tuple[int, ...], str] | None = None

    def __call__(self, inputs: torch.Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> torch.Tensor:
        """Logits of a batch.

        Args:
            inputs: (B, C, W, H), float32.
            network: a torch module with one input and one output.

        Raises:
            TypeError: the network is no torch module.
        """
        if not isinstance(network, nn.Module):
            raise TypeError(f"{type(self).__name__}: expected a torch module, got {type(network).__name__}")
        images = np.ascontiguousarray(inputs.detach().cpu().numpy(), dtype=np.float32)
        key = (_version(network), images.shape[1:])
        if self._network is not network or self._key != key:
            # Weights that were read again are other tensors with the same content.
            made = (images.shape[1:], weights_digest(network))
            if self._network is not network or self._made != made:
                was_training = network.training
                parameter = next(network.parameters(), torch.zeros(()))
                with torch.no_grad():
                    self._compile(network.eval(), torch.zeros((1, *images.shape[1:]), device=parameter.device))
                network.train(was_training)
            self._network, self._key, self._made = network, key, made
        return torch.from_numpy(self._run(images)).to(inputs.device)

    @abstractmethod
    def _compile(self, network: nn.Module, example: torch.Tensor) -> None:
        """Make ready to run a network in evaluation mode on images of the example's size (1, C, W, H)."""

    @abstractmethod
    def _run(self, images: np.ndarray) -> np.ndarray:
        """Outputs of a batch of images."""


def optional_module(name: str, extra: str, title: str) -> Any:
    """A module of an extra.

    Raises:
        MissingPackageError: the extra is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackageError(f"{title} is not installed: pip install 'cxr-tb-common[{extra}]'") from error


def weights_digest(network: nn.Module) -> str:
    """A fingerprint of the weights: SHA-256 over names and values, in hexadecimal digits."""
    found = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _version(network: nn.Module) -> int:
    """A number that grows whenever a weight of the network changes."""
    # torch counts the changes of each tensor for its gradients; a tensor made in inference mode has no such count.
    tensors = (*network.parameters(), *network.buffers())
    return sum(tensor._version for tensor in tensors if not tensor.is_inference())
