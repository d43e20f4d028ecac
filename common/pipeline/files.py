"""A folder of radiographs of which each file is read once for all parts that still need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.transforms import Compose
from torch.utils.data import Dataset

from ..data.radiograph_folder import collate_radiographs, rejection
from .chains import ChainTree


class SharedFolder(Dataset):
    """Gives for each file what every part's preprocessing makes of it.

    An item is a dictionary by part; a part that an earlier run has served is not in it, and one whose preprocessing
    failed has a :class:`common.data.Rejected` there.

    Args:
        undone: by part, paths of the files that it has to do.
        chains: by part, its preprocessing, see :func:`common.pipeline.share_steps`.
        key: name of the image entry.
    """

    def __init__(self, undone: Mapping[str, Sequence[str]], chains: Mapping[str, Compose], key: str = "image") -> None:
        wanted: dict[str, list[str]] = {}
        for part, paths in undone.items():
            for path in paths:
                wanted.setdefault(path, []).append(part)
        self.wanted = {path: tuple(parts) for path, parts in wanted.items()}
        # The order in which a bundle takes them alone, so that batches consist of the same images.
        self.paths = sorted(self.wanted, key=Path)
        groups = set(self.wanted.values())
        self.trees = {parts: ChainTree.grow({part: chains[part] for part in parts}) for parts in groups}
        self.key = key

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        path = self.paths[index]
        results = self.trees[self.wanted[path]].apply({self.key: path})
        return {
            part: rejection(path, result) if isinstance(result, Exception) else result
            for part, result in results.items()
        }


def collate_parts(items: Sequence[Mapping[str, Any]]) -> tuple[int, dict[str, dict[str, Any]]]:
    """The number of files in a batch and, by part, what :func:`common.data.collate_radiographs` makes of its items."""
    parts = dict.fromkeys(part for item in items for part in item)
    return len(items), {part: collate_radiographs([item[part] for item in items if part in item]) for part in parts}
