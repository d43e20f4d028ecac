"""Sanity check of evidence maps: they must change when the network forgets what it learnt."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from torch import nn

from ..errors import UsageError

#: ``cascade``: layer after layer, from the output to the input; ``whole``: all at once.
MODES = ("cascade", "whole")


class RandomisationStep(NamedTuple):
    """Maps of a network whose layers, down to one, were randomised, compared with those of the trained network.

    Args:
        layer: the last layer that was randomised; ``all`` for the whole network.
        rank_correlation: Spearman's, of each image's maps; shape [B]. Near 0 for a method that shows what was learnt.
        ssim: structural similarity of each image's maps; shape [B].
    """

    layer: str
    rank_correlation: NDArray[np.float64]
    ssim: NDArray[np.float64]


def randomisation_check(
    make_mapper: Callable[[nn.Module], Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]],
    network: nn.Module,
    images: torch.Tensor,
    mode: str = "cascade",
    seed: int = 0,
) -> list[RandomisationStep]:
    """Model parameter randomisation test (Adebayo et al., NeurIPS 2018, section 3).

    A layer is randomised by shuffling the values within each of its parameters: what was learnt is gone while the
    scale of every layer stays, so that activations neither die nor explode, as they may with drawn weights. One draw
    proves little; average over seeds.

    Args:
        make_mapper: gives the mapper of a network, for example ``functools.partial(EvidenceMapper, method="crm")``;
            its maps must be in [0, 1].
        network: left as it is; a copy is randomised.
        images: shape [B, C, W, H], at least 7 pixels a side.
        mode: one of :data:`MODES`.
        seed: of the shuffling.

    Returns:
        One step a layer that has parameters, in the order of randomisation; one step in all for ``whole``.

    Raises:
        UsageError: an unknown mode.
    """
    if mode not in MODES:
        raise UsageError(f"randomisation {mode!r}: choose one of {', '.join(MODES)}")
    before = make_mapper(network)(images)[1]
    changed = copy.deepcopy(network)
    mapper = make_mapper(changed)
    generator = torch.Generator().manual_seed(seed)
    layers = [(name, module) for name, module in changed.named_modules() if list(module.parameters(recurse=False))]
    steps = []
    for name, module in reversed(layers):
        _shuffle(module, generator)
        if mode == "cascade":
            steps.append(_compare(name, before, mapper(images)[1]))
    return steps if mode == "cascade" else [_compare("all", before, mapper(images)[1])]


@torch.no_grad()
def _shuffle(module: nn.Module, generator: torch.Generator) -> None:
    for parameter in module.parameters(recurse=False):
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))


def _compare(layer: str, before: torch.Tensor, after: torch.Tensor) -> RandomisationStep:
    pairs = list(zip(before[:, 0].double().cpu().numpy(), after[:, 0].double().cpu().numpy(), strict=True))
    return RandomisationStep(
        layer,
        np.array([rank_correlation(*pair) for pair in pairs]),
        np.array([float(structural_similarity(*pair, data_range=1.0)) for pair in pairs]),
    )


def rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's rank correlation of two maps; 0 where one is constant and ranks nothing."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b, axis=None).statistic)
