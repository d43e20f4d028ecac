"""How sure a network is of the mask that it gives."""

from __future__ import annotations

import torch


def expected_dice(probabilities: torch.Tensor, mask: torch.Tensor) -> float:
    """The Dice that a mask would have on average if the probabilities were true.

    It is 2 sum(p m) / (sum(p) + sum(m)), m being the mask: the soft Dice (Milletari et al., V-Net, 3DV 2016, section 3)
    of a map against its own mask. Networks are surer than they are right, so it ranks masks and does not predict Dice.

    Args:
        probabilities: map of any shape, values in [0, 1].
        mask: of the same shape, non-zero inside.

    Returns:
        A number in [0, 1]; 0 for an empty mask.
    """
    inside = mask != 0
    area = float(inside.sum())
    return 2 * float(probabilities[inside].sum()) / (float(probabilities.sum()) + area) if area else 0.0
