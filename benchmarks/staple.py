"""STAPLE against SimpleITK's filter, and what the region of the estimate does to the consensus, in one run:

python -m benchmarks.staple --repeats 5
python -m benchmarks.staple --truths 100             # also how near consensus and ranking come to a known truth
python -m benchmarks.staple --study 200 --workers 8  # also files in, files out
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter, label
from scipy.stats import spearmanr

from common.data.parallel import default_processes
from common.fusion import Fusion, fuse_masks, staple
from common.fusion.image_fusion import FusionSettings
from common.fusion.raters import open_raters
from common.fusion.study import fuse_study
from common.metrics import confusion_counts, dice_from_counts

Mask = NDArray[np.bool_]

#: Largest posterior difference to SimpleITK that rounding explains.
AGREES = 1e-9


def lesions(random: np.random.Generator, side: int) -> Mask:
    """A truth: one to three ellipses in the middle half of a square image."""
    truth = np.zeros((side, side), dtype=np.bool_)
    y, x = np.ogrid[:side, :side]
    for _ in range(random.integers(1, 4)):
        down, right = y - random.uniform(0.25, 0.75) * side, x - random.uniform(0.25, 0.75) * side
        (a, b), turn = random.uniform(0.04, 0.15, 2) * side, random.uniform(0, np.pi)
        along, across = right * np.cos(turn) + down * np.sin(turn), down * np.cos(turn) - right * np.sin(turn)
        truth |= (along / a) ** 2 + (across / b) ** 2 < 1
    return truth


def reader(random: np.random.Generator, truth: Mask, error: float) -> Mask:
    """A reader of that truth: the outline wanders by ``error`` 256ths of the image, is too wide or too narrow as a
    whole, and the larger the error, the more lesions are missed or invented.
    """
    side = len(truth)
    distance = distance_transform_edt(truth) - distance_transform_edt(~truth)
    wander = gaussian_filter(random.normal(size=truth.shape), side / 40)
    mask: Mask = distance + (wander / wander.std() + random.normal() / 2) * error * side / 256 > 0
    parts, count = label(truth)
    for part in range(1, count + 1):
        if random.random() < 0.025 * error:
            mask &= ~binary_dilation(parts == part, iterations=side // 32)
    if random.random() < 0.05 * error:
        y, x = np.ogrid[:side, :side]
        row, column = random.uniform(0.2, 0.8, 2) * side
        mask |= (y - row) ** 2 + (x - column) ** 2 < (0.04 * side) ** 2
    return mask


def readings(random: np.random.Generator, side: int, raters: int) -> tuple[Mask, Mask, NDArray[np.float64]]:
    """A truth, the masks of readers from good to bad in random order, [R, ...], and each reader's Dice with it."""
    truth = lesions(random, side)
    masks = np.stack([reader(random, truth, error) for error in random.uniform(1, 8, raters)])
    return truth, masks, np.array([dice(mask, truth) for mask in masks])


def dice(mask: Mask, truth: Mask) -> float:
    """Dice of two masks."""
    counts = confusion_counts(mask, truth)
    return float(dice_from_counts(counts.tp, counts.fp, counts.fn))


def simple_itk(masks: Mask, max_iterations: int) -> tuple[NDArray[np.float64], Mask, int]:
    """Posterior, consensus and iterations of SimpleITK's filter, from array to array."""
    staple_filter = SimpleITK.STAPLEImageFilter()
    staple_filter.SetMaximumIterations(max_iterations)
    images = [SimpleITK.GetImageFromArray(mask.view(np.uint8)) for mask in masks]
    posterior = SimpleITK.GetArrayFromImage(staple_filter.Execute(images))
    return posterior, posterior > 0.95, staple_filter.GetElapsedIterations()


def speed(side: int, raters: int, repeats: int, images: int) -> list[dict[str, Any]]:
    """Milliseconds of processor time an image of every way; they take turns.

    Raises:
        SystemExit: the posterior of the whole image is not SimpleITK's.
    """
    random = np.random.default_rng(0)
    stacks = [readings(random, side, raters)[1] for _ in range(images)]
    limit = 1000
    ways: dict[str, Callable[[Mask], Fusion]] = {
        "whole image": lambda masks: staple(masks, region="image", max_iterations=limit),
        "disputed region": lambda masks: staple(masks, max_iterations=limit),
        "majority": lambda masks: fuse_masks(masks, "majority"),
    }
    times: dict[str, list[float]] = {name: [] for name in ("SimpleITK", *ways)}
    passes: dict[str, list[int]] = {name: [] for name in times}
    apart = 0.0
    for _ in range(repeats):
        for masks in stacks:
            began = time.process_time()
            posterior, _, iterations = simple_itk(masks, limit)
            times["SimpleITK"].append(time.process_time() - began)
            passes["SimpleITK"].append(iterations)
            for name, way in ways.items():
                began = time.process_time()
                fusion = way(masks)
                times[name].append(time.process_time() - began)
                passes[name].append(fusion.iterations)
                if name == "whole image":
                    apart = max(apart, float(np.abs(fusion.probability - posterior).max()))
    if apart > AGREES:
        raise SystemExit(f"posteriors of the whole image differ from SimpleITK's by {apart:g}")
    alone = statistics.median(times["SimpleITK"])
    return [
        {
            "way": name,
            "ms_per_image": 1000 * statistics.median(values),
            "ratio": statistics.median(values) / alone,
            "iterations": statistics.median(passes[name]),
        }
        for name, values in times.items()
    ]


def nearness(truths: int, side: int, raters: int) -> Iterator[dict[str, Any]]:
    """Mean Dice with the truth at two thresholds, and how well readers are ranked (Spearman), for each region."""
    random = np.random.default_rng(raters)
    cases = [readings(random, side, raters) for _ in range(truths)]
    framed = np.s_[side : 2 * side, side : 2 * side]
    regions: dict[str, dict[str, Any]] = {
        "whole image": {"region": "image"},
        "whole image, 9 times as large": {"region": "image"},
        **{f"disputed, margin {margin}": {"margin": margin} for margin in (0.0, 0.05, 0.1, 0.2, 0.4)},
    }
    for name, options in regions.items():
        scores: list[tuple[float, float]] = []
        ranks: list[float] = []
        for truth, masks, quality in cases:
            wide = "9 times" in name
            fusion = staple(np.pad(masks, ((0, 0), (side, side), (side, side))) if wide else masks, **options)
            posterior = fusion.probability[framed] if wide else fusion.probability
            scores.append((dice(posterior > 0.5, truth), dice(posterior > 0.95, truth)))
            weight = fusion.sensitivity + fusion.specificity
            if raters > 2 and np.ptp(weight) > 0 and np.ptp(quality) > 0:
                ranks.append(float(spearmanr(weight, quality).statistic))
        half, high = np.mean(scores, axis=0)
        yield {"way": name, "dice_0.5": half, "dice_0.95": high, "rank": float(np.mean(ranks)) if ranks else np.nan}
    votes = [fuse_masks(masks, "majority", tie="foreground").consensus for _, masks, _ in cases]
    mean = float(np.mean([dice(vote, truth) for vote, (truth, _, _) in zip(votes, cases, strict=True)]))
    yield {"way": "majority, ties to foreground", "dice_0.5": mean, "dice_0.95": np.nan, "rank": np.nan}


def study(images: int, side: int, raters: int, workers: int) -> list[dict[str, Any]]:
    """Images a second from mask files to consensus files, with one process and with several."""
    random = np.random.default_rng(0)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        different = [readings(random, side, raters)[1] for _ in range(min(images, 10))]
        for number in range(images):
            for rater, mask in enumerate(different[number % len(different)]):
                path = folder / f"reader {rater}" / f"{number}.png"
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(mask).save(path)
        found = open_raters([str(folder / f"reader {rater}") for rater in range(raters)])
        for count in dict.fromkeys((1, workers)):
            settings = FusionSettings(folder / f"out {count}", tuple(rater.name for rater in found))
            began = time.perf_counter()
            fuse_study(found, settings, processes=count, progress=False)
            rows.append({"workers": count, "images_per_s": images / (time.perf_counter() - began)})
    return rows


def main() -> None:
    """Run the measurements and print them as tables."""
    options = argparse.ArgumentParser(description="STAPLE against SimpleITK's filter")
    options.add_argument("--side", type=int, default=1024, help="image side in pixels (default: 1024)")
    options.add_argument("--raters", type=int, default=5, help="readers an image (default: 5)")
    options.add_argument("--images", type=int, default=4, help="different images (default: 4)")
    options.add_argument("--repeats", type=int, default=3, help="turns of every way (default: 3)")
    options.add_argument("--truths", type=int, default=0, help="also compare with so many known truths of 256 pixels")
    options.add_argument("--study", type=int, default=0, help="also fuse so many images from files to files")
    options.add_argument("--workers", type=int, default=default_processes(), help="processes of the study")
    options.add_argument("--output", type=Path, help="write the figures there as JSON")
    arguments = options.parse_args()

    figures: dict[str, Any] = {
        "speed": speed(arguments.side, arguments.raters, arguments.repeats, arguments.images),
    }
    print(
        f"\n{arguments.raters} masks of {arguments.side} x {arguments.side}   ms/image    ratio   iterations (median)"
    )
    for row in figures["speed"]:
        print(f"{row['way']:26} {row['ms_per_image']:10.1f} {row['ratio']:8.3f} {row['iterations']:9.0f}")
    if arguments.truths:
        figures["nearness"] = {}
        for raters in (2, 3, 4, 5, 8):
            figures["nearness"][raters] = list(nearness(arguments.truths, 256, raters))
            print(f"\n{raters} readers, {arguments.truths} truths         Dice at 0.5   at 0.95   rank correlation")
            for row in figures["nearness"][raters]:
                print(f"{row['way']:32} {row['dice_0.5']:8.3f} {row['dice_0.95']:9.3f} {row['rank']:12.2f}")
    if arguments.study:
        figures["study"] = study(arguments.study, arguments.side, arguments.raters, arguments.workers)
        print("\nfile to file    images/s")
        for row in figures["study"]:
            print(f"{row['workers']:3} processes {row['images_per_s']:11.1f}")
    if arguments.output:
        arguments.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
