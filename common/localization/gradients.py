"""Gradients of a class score by the pooled maps, by a named layer's output or by the images.

`monai.visualize` reaches them through hooks that stay on the network, by a backward pass that clears and fills the
gradients of all parameters; the functions here leave no trace.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import nn

from ..errors import UsageError

ScoreOf = Callable[[torch.Tensor], torch.Tensor]


class Gradients(NamedTuple):
    """Logits [B, K], what the score was differentiated by, and the gradient (of that shape)."""

    logits: torch.Tensor
    inputs: torch.Tensor
    grads: torch.Tensor


@contextlib.contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Evaluation mode within the block; afterwards every module has its own mode again.

    `monai.networks.eval_mode` sets all modules to the mode of the outermost one.
    """
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def by_maps(network: nn.Module, images: torch.Tensor, score: ScoreOf) -> Gradients:
    """Gradients by the maps [B, C, h, w] that the head pools: the backbone runs once, forward only."""
    with torch.no_grad():
        maps = network.forward_features(images)  # type: ignore[operator]
    with torch.enable_grad():
        leaf = _leaf(maps)
        # A head may begin in place, which a leaf does not allow.
        return _differentiate(network.forward_head(leaf.clone()), leaf, score, "the pooled maps")  # type: ignore[operator]


def by_images(network: nn.Module, images: torch.Tensor, score: ScoreOf) -> Gradients:
    """Gradients by the images [B, C, W, H]."""
    with torch.enable_grad():
        leaf = images.detach().requires_grad_()
        return _differentiate(network(leaf.clone()), leaf, score, "the images")


def by_layer(network: nn.Module, images: torch.Tensor, score: ScoreOf, layer: str) -> Gradients:
    """Gradients by the output [B, C, h, w] of a named layer; of its last call where it is called repeatedly.

    Raises:
        UsageError: the layer gives something else than maps, or has no part in the score.
    """
    found: list[torch.Tensor] = []

    def cut(module: nn.Module, inputs: object, output: object) -> torch.Tensor:
        if not isinstance(output, torch.Tensor) or output.ndim != 4:
            what = list(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            raise UsageError(f"layer {layer!r} gives {what}; evidence maps need a layer that gives [B, C, h, w]")
        found[:] = [_leaf(output)]
        return found[0].clone()

    handle = network.get_submodule(layer).register_forward_hook(cut)
    try:
        with torch.enable_grad():
            logits = network(images)
            if not found:
                raise UsageError(f"layer {layer!r} has no part in the forward pass of {type(network).__name__}")
            return _differentiate(logits, found[0], score, f"layer {layer!r}")
    finally:
        handle.remove()


def _leaf(maps: torch.Tensor) -> torch.Tensor:
    maps = maps.detach()
    # Under autocast maps are of half precision, in which gradients behind average pooling would lose their digits.
    if torch.is_autocast_enabled(maps.device.type):
        maps = maps.float()
    return maps.requires_grad_()


def _differentiate(logits: torch.Tensor, leaf: torch.Tensor, score: ScoreOf, name: str) -> Gradients:
    scores = score(logits)
    grads = None
    if scores.requires_grad:
        # Images are independent of one another in evaluation mode: the sum's gradient is each one's own.
        (grads,) = torch.autograd.grad(scores.sum(), leaf, allow_unused=True)
    if grads is None:
        raise UsageError(f"the class score does not depend on {name} by operations that have gradients")
    return Gradients(logits.detach(), leaf.detach(), grads)
