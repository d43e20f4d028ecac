"""Chains of transforms that begin alike: their common beginning is found and run once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.bundle.config_item import ConfigComponent
from monai.transforms import Compose

from ..io import file_sha256


def definitions(config: Mapping[str, Any], chain_id: str = "preprocessing") -> list[Any]:
    """What the transforms of a chain are, as plain data that can be compared.

    References and expressions are replaced by what they stand for, a component by its ``_target_`` and arguments, and
    the path of a file by the hash of its content: two bundles may hold copies of the same weights.

    Args:
        config: a bundle's configuration, before anything in it is resolved.
        chain_id: id of a ``Compose``.

    Returns:
        One entry a transform that is not disabled, in order.
    """
    chain = ConfigParser(copy.deepcopy(dict(config))).get_parsed_content(chain_id, instantiate=False)
    steps = chain.get_config()["transforms"]
    return [_plain(step) for step in steps if not (isinstance(step, ConfigComponent) and step.is_disabled())]


def _plain(value: Any) -> Any:
    if isinstance(value, ConfigComponent):
        return _plain(value.get_config())
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items() if name not in ("_desc_", "_disabled_")}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str | Path):
        return ("file", file_sha256(value)) if Path(value).is_file() else str(value)
    # Whether two objects of another kind do the same is not known: such a one equals nothing but itself.
    return value if isinstance(value, int | float | torch.dtype | torch.device | None) else object()


def share_steps(chains: Mapping[str, Compose], written: Mapping[str, list[Any]]) -> None:
    """Let chains that begin alike begin with the very same transforms, in place.

    The objects themselves have to be the same: MONAI's ``Invertd`` undoes what was applied only by the transform that
    has applied it.

    Args:
        chains: by name.
        written: :func:`definitions` of each chain.
    """
    done: list[str] = []
    for name, chain in chains.items():
        lengths = {other: _common(written[name], written[other]) for other in done}
        if lengths:
            nearest = max(lengths, key=lambda other: lengths[other])
            shared = chains[nearest].transforms[: lengths[nearest]]
            chain.transforms = (*shared, *chain.transforms[len(shared) :])
        done.append(name)


def _common(*sequences: Any) -> int:
    """How many entries at the beginning of all sequences are equal."""
    entries = enumerate(zip(*sequences, strict=False))
    return next((index for index, (one, *others) in entries if any(one != o for o in others)), min(map(len, sequences)))


@dataclass(frozen=True)
class ChainTree:
    """Several chains of transforms, of which those that begin with the same objects do so together.

    Attributes:
        names: of the chains that come through here.
        chain: one of them, which holds the transforms from ``start`` to ``end`` (exclusive) that all share.
        branches: how they go on from there.
        finished: names of the chains that end there.
    """

    names: tuple[str, ...]
    chain: Compose
    start: int
    end: int
    branches: tuple[ChainTree, ...]
    finished: tuple[str, ...]

    @classmethod
    def grow(cls, chains: Mapping[str, Compose], start: int = 0) -> ChainTree:
        """The tree of chains whose transforms before ``start`` are the same.

        Args:
            chains: by name, at least one; see :func:`share_steps`.
            start: see the class.
        """
        end = start + _common(*([id(step) for step in chain.transforms[start:]] for chain in chains.values()))
        following: dict[int, dict[str, Compose]] = {}
        for name, chain in chains.items():
            if len(chain.transforms) > end:
                following.setdefault(id(chain.transforms[end]), {})[name] = chain
        branches = tuple(cls.grow(group, end) for group in following.values())
        finished = tuple(name for name, chain in chains.items() if len(chain.transforms) == end)
        return cls(tuple(chains), next(iter(chains.values())), start, end, branches, finished)

    def apply(self, data: Any) -> dict[str, Any]:
        """Apply all chains to one item.

        Args:
            data: the item, to which the transforms before ``start`` have been applied.

        Returns:
            By name, what each chain makes of the item, or the exception with which it failed. No two results share
            anything that can be changed.
        """
        try:
            data = self.chain(data, start=self.start, end=self.end)
        except Exception as error:  # whatever an item does to a transform, the other chains go on
            return dict.fromkeys(self.names, error)
        takers: list[ChainTree | str] = [*self.branches, *self.finished]
        results: dict[str, Any] = {}
        for taker in takers:
            # A copy includes the record of applied operations, which every chain continues on its own.
            own = data if taker is takers[-1] else copy.deepcopy(data)
            results |= {taker: own} if isinstance(taker, str) else taker.apply(own)
        return results

    def shared(self) -> Iterator[tuple[tuple[str, ...], list[str]]]:
        """Names of chains and of the classes of transforms that are applied once for them."""
        if len(self.names) > 1:
            yield self.names, [type(step).__name__ for step in self.chain.transforms[self.start : self.end]]
            for branch in self.branches:
                yield from branch.shared()
