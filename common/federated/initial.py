"""Weights that a federation starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from torch import nn

from ..networks import load_encoder_weights, load_weights

SHIPPED, NONE, IMAGENET = "shipped", "none", "imagenet"


def make_network(config: dict[str, Any]) -> nn.Module:
    """The network of a configuration, with random weights."""
    network: nn.Module = ConfigParser({"network_def": config["network_def"]}).get_parsed_content("network_def")
    return network


def initial_state(
    config: dict[str, Any], bundle_root: str | Path, source: str | Path, seed: int = 0
) -> dict[str, torch.Tensor]:
    """State of the network before the first round.

    Args:
        config: of the bundle's training; see :meth:`.task.FederatedTask.check`.
        bundle_root: folder of the bundle.
        source: "shipped" (``models/model.pt``, or the network overlay's own), "none" (random), "imagenet" (random but
            for the encoder), or a file of weights.
        seed: of what is random.

    Raises:
        WeightsError: weights that cannot be had, or of another network.
    """
    torch.manual_seed(seed)
    network = make_network(config)
    if source == IMAGENET:
        load_encoder_weights(network, "imagenet")
    elif source == SHIPPED:
        parser = ConfigParser({"bundle_root": str(bundle_root), "weights": config.get("weights", _MODEL)})
        load_weights(network, parser.get_parsed_content("weights"))
    elif source != NONE:
        load_weights(network, source)
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


_MODEL = "$@bundle_root + '/models/model.pt'"
