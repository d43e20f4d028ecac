"""The two engines of the dense CRF beside each other: milliseconds of processor time and agreement of their seeds.

python -m benchmarks.dense_crf --images 8 --side 320      # pydensecrf2 must be installed: pip install pydensecrf2
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from common.data import radiograph_phantom
from common.metrics import confusion_counts, dice_from_counts
from common.weak.dense_crf import resolve_engine
from common.weak.seeds import refined_seeds

ENGINES = ("pydensecrf", "grid")


def case(number: int, side: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A phantom with lesions, as 8-bit grey levels, and made-up evidence [1, side, side]: its lesions, blurred."""
    phantom = radiograph_phantom((side, side), seed=number, lesions=2)
    low, high = np.percentile(phantom.image, [1, 99])
    image = np.clip((phantom.image - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    blurred = gaussian_filter(phantom.lesions.astype(float), side / 20)
    return image, blurred[None] / blurred.max()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--side", type=int, default=320, help="rows and columns of the images")
    options = parser.parse_args()
    for engine in ENGINES:
        resolve_engine(engine)
    times: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    same, overlap = [], []
    for number in range(options.images):
        image, maps = case(number, options.side)
        seeds = {}
        for engine in ENGINES:
            began = time.process_time()
            seeds[engine] = refined_seeds(image, maps, engine=engine)
            times[engine].append(time.process_time() - began)
        first, second = (seeds[engine] for engine in ENGINES)
        same.append(float((first == second).mean()))
        counts = confusion_counts(first == 1, second == 1)
        overlap.append(float(dice_from_counts(counts.tp, counts.fp, counts.fn)))
    print(f"{options.images} phantoms of {options.side} x {options.side}, two fields of two classes each")
    for engine in ENGINES:
        print(f"{engine:12s} {1000 * statistics.median(times[engine]):8.0f} ms an image (median)")
    print(f"same seed: {100 * statistics.mean(same):.2f} % of pixels on average, {100 * min(same):.2f} % at least")
    print(f"Dice of the foreground seeds: {statistics.mean(overlap):.3f} on average, {min(overlap):.3f} at least")


if __name__ == "__main__":
    main()
