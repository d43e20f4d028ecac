"""Published weights for VGG encoders."""

from __future__ import annotations

import hashlib
import http.client
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .state import WeightsError, open_weights, read_state
from .vgg import BLOCKS, IMAGENET_STD, VGGFeatures

#: torchvision's ImageNet weights (BSD-3-Clause); the file names end in the start of their SHA-256, which is checked.
IMAGENET_URLS = {
    16: "https://download.pytorch.org/models/vgg16-397923af.pth",
    19: "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
}

#: What :func:`keras_vgg_state` accepts, for messages.
KERAS = "the weights of a VGG-16 that Keras 3 saved"


def load_encoder_weights(network: nn.Module, source: str | Path) -> None:
    """Load weights into the VGG trunk of a network, or of a network's ``encoder``.

    Args:
        network: a :class:`VGGFeatures`, or a network that has one anywhere.
        source: "imagenet" takes torchvision's weights (:func:`imagenet_file`); otherwise a file: a ``state_dict`` that
            contains the thirteen or sixteen convolutions under ``features.N`` with or without a prefix (torchvision's
            files, our classifiers, our U-Nets), or a Keras VGG-16 ``.weights.h5`` (:func:`keras_vgg_state`).

    Raises:
        WeightsError: no VGG trunk in the network, weights that cannot be had or read, or of another depth.
    """
    trunks = [module for module in network.modules() if isinstance(module, VGGFeatures)]
    if not trunks:
        raise WeightsError(f"{type(network).__name__} has no VGG encoder to load weights into")
    trunk = trunks[0]
    path = imagenet_file(trunk.depth) if str(source) == "imagenet" else Path(source)
    state = keras_vgg_state(path) if path.suffix == ".h5" else read_state(path)
    wanted = {name: tensor.shape for name, tensor in trunk.features.state_dict().items()}
    found = {name: state[key] for name in wanted if (key := _find(state, name)) is not None}
    wrong = sorted(name for name, shape in wanted.items() if name not in found or found[name].shape != shape)
    if wrong:
        raise WeightsError(
            f"{source}: {len(wrong)} of {len(wanted)} tensors of VGG-{trunk.depth} are missing or of another shape "
            f"(first: features.{wrong[0]})"
        )
    trunk.features.load_state_dict(found)


def imagenet_file(depth: int) -> Path:
    """The file of torchvision's ImageNet weights, downloaded when it is not there yet.

    It lies where torch keeps downloaded weights, ``checkpoints`` in ``torch.hub.get_dir()``, and may be put there by
    hand.

    Args:
        depth: 16 or 19.

    Raises:
        WeightsError: it cannot be downloaded, or what lies there has another SHA-256.
    """
    url = IMAGENET_URLS[depth]
    name = url.rsplit("/", 1)[1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    by_hand = f"download {url} elsewhere and put it into {path.parent}"
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), progress=sys.stderr.isatty())
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise WeightsError(f"{url}: cannot be downloaded ({reason}); {by_hand}") from error
    expected = name.removesuffix(".pth").rsplit("-", 1)[1]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(expected):
        raise WeightsError(
            f"{path}: damaged or another file (its SHA-256 starts with {digest[:8]}, not {expected}); delete it, then "
            f"start again or {by_hand}"
        )
    return path


def _find(state: dict[str, Any], name: str) -> str | None:
    ending = f"features.{name}"
    return next((key for key in state if key == ending or key.endswith("." + ending)), None)


def keras_vgg_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the VGG-16 convolutions of a Keras 3 weights file into torchvision's layout and input convention.

    Keras' VGG takes BGR values from 0 to 255 minus their mean. The first kernel is turned round and scaled so that
    it gives the same responses to RGB values in [0, 1] standardised with ImageNet's mean and deviation.

    Args:
        path: an HDF5 file with ``block1/layers/conv2d/vars/0`` and so on (kernels HWIO), or
            ``layers/block1_conv1/vars/0``.

    Raises:
        WeightsError: h5py is not installed, or the file cannot be read or is laid out otherwise.
    """
    try:
        import h5py
    except ImportError as error:
        raise WeightsError(f"{path}: h5py, which reads .h5 weights, is not installed: pip install h5py") from error
    with open_weights(path) as stream:
        try:
            with h5py.File(stream, "r") as file:
                return _keras_state(file, path)
        except WeightsError:
            raise
        except Exception as error:  # h5py meets broken bytes with errors of many kinds
            raise WeightsError.refuse(path, "a truncated or damaged HDF5 file, or none at all", KERAS) from error


def _keras_state(file: Any, path: str | Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = {}
    position = 0
    for block, count in enumerate(BLOCKS[16], start=1):
        for conv in range(count):
            group = _keras_group(file, path, block, conv)
            kernel = torch.from_numpy(group["0"][()]).permute(3, 2, 0, 1).contiguous()
            if block == 1 and conv == 0:
                kernel = kernel.flip(1) * 255.0 * torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
            state[f"features.{position}.weight"] = kernel.float()
            state[f"features.{position}.bias"] = torch.from_numpy(group["1"][()]).float()
            position += 2
        position += 1
    return state


def _keras_group(file: Any, path: str | Path, block: int, conv: int) -> Any:
    suffix = f"_{conv}" if conv else ""
    names = (f"block{block}/layers/conv2d{suffix}/vars", f"layers/block{block}_conv{conv + 1}/vars")
    for name in names:
        if name in file:
            return file[name]
    raise WeightsError.refuse(path, f"neither {names[0]} nor {names[1]} in this file", KERAS)
