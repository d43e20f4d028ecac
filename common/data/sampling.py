"""Which items an epoch draws, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import WeightedRandomSampler


def balance_weights(items: Sequence[Mapping[str, Any]], *, key: str = "site", power: float = 0.5) -> torch.Tensor:
    """Sampling weight of each item so that groups are drawn in proportion to ``size ** (1 - power)``.

    Args:
        items: data items.
        key: entry of an item that names its group.
        power: 0 draws every item equally often, 1 draws every group equally often, 0.5 lies between.

    Raises:
        ValueError: ``power`` outside [0, 1].
    """
    if not 0 <= power <= 1:
        raise ValueError(f"balance_weights: power must lie in [0, 1], got {power}")
    sizes = Counter(item.get(key) for item in items)
    return torch.tensor([sizes[item.get(key)] ** -power for item in items], dtype=torch.double)


class BalancedSampler(WeightedRandomSampler):
    """Draws, with replacement, as many items an epoch as there are, in the proportions of :func:`balance_weights`.

    Args:
        items: data items in the order of the data set.
        key: entry of an item that names its group.
        power: see :func:`balance_weights`.
        num_samples: items an epoch; the number of items by default.
    """

    def __init__(
        self,
        items: Sequence[Mapping[str, Any]],
        key: str = "site",
        power: float = 0.5,
        num_samples: int | None = None,
    ) -> None:
        weights = balance_weights(items, key=key, power=power)
        super().__init__(weights.tolist(), num_samples=num_samples or len(items), replacement=True)
