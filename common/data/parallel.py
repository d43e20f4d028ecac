"""One function over many files, in several processes, with a progress bar."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from tqdm import tqdm

from ..errors import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")


def default_processes() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parallel_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    processes: int = 1,
    description: str = "",
    progress: bool = True,
) -> list[Result]:
    """Results of ``function`` in the order of ``items``.

    Args:
        function: picklable; it reports the errors of one item in its result, for an exception ends the whole run.
        items: what it is called with, one at a time.
        processes: worker processes; 1 works in this one.
        description: text before the progress bar.
        progress: whether to draw the bar; without a terminal it is never drawn.

    Raises:
        UsageError: ``processes`` below 1.
    """
    if processes < 1:
        raise UsageError(f"processes must be at least 1, got {processes}")
    # None lets tqdm look whether somebody watches.
    bar = tqdm(total=len(items), desc=description, unit="file", disable=None if progress else True)
    with bar:
        if processes == 1 or len(items) < 2:
            results = []
            for item in items:
                results.append(function(item))
                bar.update()
            return results
        chunk = max(1, min(16, len(items) // (4 * processes)))
        with ProcessPoolExecutor(max_workers=processes) as pool:
            results = []
            for result in pool.map(function, items, chunksize=chunk):
                results.append(result)
                bar.update()
            return results
