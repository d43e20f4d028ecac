"""Which items an epoch draws, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch.utils.data import DistributedSampler


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


class BalancedSampler(DistributedSampler):
    """Draws as many items an epoch as there are, in the proportions of :func:`balance_weights`.

    With a power of 0 an epoch is a permutation: every item once. Otherwise items are drawn with replacement.

    The order depends on seed and epoch alone, so that a resumed run draws what an uninterrupted one would. MONAI's
    trainers set the epoch of every ``DistributedSampler``; without :meth:`set_epoch` all epochs are alike. Where
    several processes train together, each takes its share of the one order. As they need equal numbers of batches, an
    order that cannot be shared evenly is made longer: a permutation by its first items, which then come twice.

    Args:
        items: data items in the order of the data set.
        key: entry of an item that names its group.
        power: see :func:`balance_weights`.
        seed: the seed of the run, the same in all processes.

    Raises:
        ValueError: see :func:`balance_weights`.
    """

    def __init__(
        self, items: Sequence[Mapping[str, Any]], key: str = "site", power: float = 0.5, seed: int = 0
    ) -> None:
        together = dist.is_available() and dist.is_initialized()
        ranks, rank = (dist.get_world_size(), dist.get_rank()) if together else (1, 0)
        super().__init__(items, num_replicas=ranks, rank=rank, seed=seed)  # type: ignore[arg-type]
        self.weights = balance_weights(items, key=key, power=power)
        self.permute = power == 0

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        if self.permute:
            once = torch.randperm(len(self.weights), generator=generator)
            order = once.repeat(-(-self.total_size // len(once)))[: self.total_size]
        else:
            order = torch.multinomial(self.weights, self.total_size, replacement=True, generator=generator)
        return iter(order[self.rank :: self.num_replicas].tolist())
