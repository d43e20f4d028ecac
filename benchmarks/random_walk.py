"""The sparse random walk against the published dense one, in one run: agreement, processor time and memory.

python -m benchmarks.random_walk --side 56                    # side of the square map on which both are timed
python -m benchmarks.random_walk --memory 64,128,256,512      # sides at which the memory of the sparse one is measured
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from common.weak.random_walk import affinity_matrix, random_walk

Array = NDArray[np.float64]

BETA, SQUARINGS = 10.0, 8
#: Largest difference between the two that rounding explains.
AGREES = 1e-9


def scene(side: int) -> tuple[Array, Array]:
    """Evidence [1, side, side] of a few blobs, and edges [side, side] like those of a trained network: lines."""
    random = np.random.default_rng(0)
    field = gaussian_filter(random.normal(size=(side, side)), side / 16)
    steps = np.hypot(*np.gradient(np.sign(field)))
    edges = np.clip(gaussian_filter(steps, 0.6) + 0.03 * random.random((side, side)), 0, 1)
    maps = np.clip(gaussian_filter(random.normal(size=(side, side)), side / 12), 0, None)
    return maps[None] / maps.max(), edges


def dense_walk(maps: Array, edges: Array, kind: type[np.floating]) -> tuple[Array, float]:
    """As published: the matrix of all pairs of pixels, squared eight times. Result and seconds of processor time.

    Its affinities are made by the sparse code and their cost is left out, in favour of the dense walk.
    """
    transition = affinity_matrix(edges, beta=BETA).toarray().astype(kind)
    began = time.process_time()
    transition /= transition.sum(axis=0, keepdims=True)
    for _ in range(SQUARINGS):
        transition = transition @ transition
    walked = (maps * (1 - edges)).reshape(len(maps), -1).astype(kind) @ transition
    return walked.reshape(maps.shape).astype(np.float64), time.process_time() - began


def timed(function: Callable[[], Array], repeats: int) -> tuple[Array, float]:
    """Result and median seconds of processor time."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        result = function()
        seconds.append(time.process_time() - began)
    return result, statistics.median(seconds)


def peak_memory(side: int) -> int:
    """Bytes that the sparse walk allocates at most, its result included."""
    maps, edges = scene(side)
    tracemalloc.start()
    random_walk(maps, edges, beta=BETA, steps=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def main() -> None:
    """Print both tables.

    Raises:
        SystemExit: the two walks differ.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=56)
    parser.add_argument("--repeats", type=int, default=3, help="of the sparse walk; the dense one runs once")
    parser.add_argument("--memory", default="64,128,256", help="sides at which memory is measured; 0: none")
    options = parser.parse_args()
    maps, edges = scene(options.side)
    sparse, fast = timed(lambda: random_walk(maps, edges, beta=BETA), options.repeats)
    _, slow = dense_walk(maps, edges, np.float32)
    dense, _ = dense_walk(maps, edges, np.float64)
    apart = float(np.abs(sparse - dense).max())
    print(f"{options.side} x {options.side} pixels, radius 5, beta {BETA:g}, 256 steps; seconds of processor time")
    print(f"dense, squared {SQUARINGS} times (without its affinities)  {slow:9.3f}   in single precision, as published")
    print(f"sparse, step by step (affinities included)      {fast:9.3f}   {slow / fast:8.0f} times faster")
    print(f"largest difference to the dense one in double precision: {apart:.1e}")
    if apart > AGREES:
        raise SystemExit(f"the walks differ by more than {AGREES:g}")
    for side in [int(text) for text in options.memory.split(",") if int(text)]:
        peak = peak_memory(side)
        matrix = 4 * side**4
        print(
            f"{side:4d} x {side:<4d} sparse: {peak / 2**20:9.1f} MiB at most, {peak / side**2:7.0f} bytes a pixel; "
            f"the dense matrix alone: {matrix / 2**20:12.0f} MiB"
        )


if __name__ == "__main__":
    main()
