"""Published weights for VGG encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import UsageError
from .vgg import BLOCKS, IMAGENET_STD, VGGFeatures

#: torchvision's ImageNet weights (BSD-3-Clause); the file names end in the start of their SHA-256, which is checked.
IMAGENET_URLS = {
    16: "https://download.pytorch.org/models/vgg16-397923af.pth",
    19: "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
}


class EncoderWeightsError(UsageError):
    """Encoder weights that are missing or do not fit."""


def load_encoder_weights(network: nn.Module, source: str | Path) -> None:
    """Load weights into the VGG trunk of a network, or of a network's ``encoder``.

    Args:
        network: a :class:`VGGFeatures`, or a network that has one anywhere.
        source: "imagenet" downloads torchvision's weights once into torch's hub folder and checks their hash;
            otherwise a file: a ``state_dict`` that contains the thirteen or sixteen convolutions under ``features.N``
            with or without a prefix (torchvision's files, our classifiers, our U-Nets), or a Keras VGG-16
            ``.weights.h5`` (see :func:`keras_vgg_state`).

    Raises:
        EncoderWeightsError: no VGG trunk in the network, no such file, or weights of another depth.
    """
    trunks = [module for module in network.modules() if isinstance(module, VGGFeatures)]
    if not trunks:
        raise EncoderWeightsError(f"{type(network).__name__} has no VGG encoder to load weights into")
    trunk = trunks[0]
    state: dict[str, Any]
    if str(source) == "imagenet":
        url = IMAGENET_URLS[trunk.depth]
        state = torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
    elif not Path(source).is_file():
        raise EncoderWeightsError(f"{source}: no encoder weights there")
    elif Path(source).suffix == ".h5":
        state = dict(keras_vgg_state(source))
    else:
        state = torch.load(source, map_location="cpu", weights_only=True)
        state = state.get("model", state)
    wanted = {name: tensor.shape for name, tensor in trunk.features.state_dict().items()}
    found = {name: state[key] for name in wanted if (key := _find(state, name)) is not None}
    wrong = sorted(name for name, shape in wanted.items() if name not in found or found[name].shape != shape)
    if wrong:
        raise EncoderWeightsError(
            f"{source}: {len(wrong)} of {len(wanted)} tensors of VGG-{trunk.depth} are missing or of another shape "
            f"(first: features.{wrong[0]})"
        )
    trunk.features.load_state_dict(found)


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
        EncoderWeightsError: the extra ``keras-weights`` (h5py) is missing, or the file is laid out otherwise.
    """
    try:
        import h5py
    except ImportError as error:
        raise EncoderWeightsError(
            "reading .h5 weights needs h5py: pip install 'cxr-tb-common[keras-weights]'"
        ) from error
    state: dict[str, torch.Tensor] = {}
    with h5py.File(path, "r") as file:
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
    raise EncoderWeightsError(f"{path}: neither {names[0]} nor {names[1]} in this file")
