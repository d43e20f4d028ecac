"""Epochs of a fixed length in which every source of items has its share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .sampling import BalancedSampler

_REST = "any other"


class MixedSampler(BalancedSampler):
    """Draws ``steps`` batches an epoch, a given share of them from each source of items.

    Runs with and without one of the sources take the same number of steps then. Each source is gone through in
    shuffled passes that reach over the ends of epochs: no image comes again before all of its source have come.

    As with :class:`BalancedSampler`, the order depends on seed and epoch alone, and the trainer sets the epoch. Where
    several processes train together, each draws ``steps`` batches, its part of the one order.

    Args:
        items: data items in the order of the data set.
        shares: share of the images of an epoch for each of these sources, 0 to 1; the rest goes to the items of all
            other sources together.
        steps: batches an epoch, for each process.
        batch_size: of each process.
        seed: the seed of the run, the same in all processes.
        key: entry of an item that names its source. Shares are without effect where no item has it, as with the items
            that MONAI Label gives.

    Raises:
        UsageError: shares that are negative or more than 1 in all, a source with a share and without items, or fewer
            than one step or image a batch.
    """

    def __init__(
        self,
        items: Sequence[Mapping[str, Any]],
        shares: Mapping[str, float],
        steps: int,
        batch_size: int,
        seed: int = 0,
        key: str = "source",
    ) -> None:
        super().__init__(items, key=key, power=0, seed=seed)
        if steps < 1 or batch_size < 1:
            raise UsageError(f"steps and batch_size must be at least 1, got {steps} and {batch_size}")
        if min(shares.values(), default=0) < 0 or sum(shares.values()) > 1 + 1e-9:
            found = ", ".join(f"{source} {share:g}" for source, share in shares.items())
            raise UsageError(f"shares must be at least 0 and at most 1 in all, got {found}")
        self.num_samples = steps * batch_size
        self.total_size = self.num_samples * self.num_replicas
        if items and not any(key in item for item in items):
            shares = {}
        named = [index for index, item in enumerate(items) if item.get(key) in shares]
        members = {source: [index for index in named if items[index].get(key) == source] for source in shares}
        members[_REST] = sorted(set(range(len(items))) - set(named))
        # Rounded as a whole, so that the counts add up.
        ends = np.rint(np.cumsum([*shares.values()]).clip(0, 1) * self.total_size).astype(int)
        counts = dict(zip(members, np.diff([0, *ends, self.total_size]).tolist(), strict=True))
        for source, count in counts.items():
            if count and not members[source]:
                found = ", ".join(sorted({str(item.get(key)) for item in items})) or "none"
                raise UsageError(f"an epoch needs items of the source {source}; there are {found}")
        self.members = {source: np.array(members[source]) for source, count in counts.items() if count}
        self.counts = counts

    def __iter__(self) -> Iterator[int]:
        # Sources take turns at random; within each the order of its passes stays.
        owner = np.repeat(list(self.members), [self.counts[source] for source in self.members])
        owner = np.random.default_rng([self.seed, self.epoch]).permutation(owner)
        order = np.empty(self.total_size, dtype=np.int64)
        for source in self.members:
            order[owner == source] = self._part(source)
        return iter(order[self.rank :: self.num_replicas].tolist())

    def _part(self, source: str) -> NDArray[np.int64]:
        """What an epoch takes from the endless passes through one source."""
        members, count = self.members[source], self.counts[source]
        # Trainers count epochs from 1.
        start = max(self.epoch - 1, 0) * count
        first, last = start // len(members), (start + count - 1) // len(members)
        seeds = ([self.seed, crc32(source.encode()), turn] for turn in range(first, last + 1))
        passes = np.concatenate([np.random.default_rng(seed).permutation(members) for seed in seeds])
        return passes[start - first * len(members) :][:count]
