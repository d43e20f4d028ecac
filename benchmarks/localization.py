"""What evidence maps cost: probability and map against probability alone, and against MONAI's hook-based classes.

All ways take turns in one process, and processor time is measured, so that ratios hold whatever else the machine does:

    python -m benchmarks.localization --repeats 5

The network is a VGG-16 with global average pooling; weights do not matter for the time. MONAI's classes give the map
only: the probability beside it would cost them one more forward pass.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from monai.visualize import CAM, GradCAM, GradCAMpp, SmoothGrad, VanillaGrad
from torch import nn

from common.localization import METHODS, EvidenceMapper
from common.networks import VGGClassifier

Way = Callable[[torch.Tensor], Any]


class Classifier(VGGClassifier):
    """VGG-16 with global average pooling that counts the passes of its convolutions."""

    passes = 0

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Maps that the head pools."""
        self.passes += 1
        return super().forward_features(x)


def probability(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The network alone."""
    with torch.no_grad():
        return network(images).softmax(1)


def compared(network: Classifier, copy: Classifier, samples: int) -> dict[str, Way]:
    """All ways; MONAI's hooks, which stay, are on a network of their own."""
    last = "encoder.features.29"
    cam = CAM(copy, last, "fc")
    grad, plus = GradCAM(copy, last), GradCAMpp(copy, last)
    vanilla, smooth = VanillaGrad(copy), SmoothGrad(copy, n_samples=samples, verbose=False)
    ways: dict[str, Way] = {"probability alone": lambda images: probability(network, images)}
    for method in METHODS:
        ways[f"EvidenceMapper {method}"] = EvidenceMapper(network, method, samples=samples)
    # MONAI's CAM records gradients unless told otherwise.
    ways["monai CAM"] = torch.no_grad()(lambda images: cam(images, class_idx=[1]))
    ways["monai GradCAM"] = lambda images: grad(images, class_idx=1)
    ways["monai GradCAMpp"] = lambda images: plus(images, class_idx=1)
    ways["monai VanillaGrad"] = lambda images: vanilla(images.clone(), index=1)
    ways["monai SmoothGrad"] = lambda images: smooth(images.clone(), index=1)
    return ways


def measure(size: int, repeats: int, samples: int) -> dict[str, dict[str, float]]:
    """Milliseconds of processor time an image, the ratio to the probability alone, and passes of the convolutions."""
    torch.manual_seed(0)
    network, copy = Classifier().eval(), Classifier().eval()
    images = torch.rand(1, 1, size, size)
    ways = compared(network, copy, samples)
    times: dict[str, list[float]] = {name: [] for name in ways}
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    passes: dict[str, int] = {}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            network.passes = copy.passes = 0
            began = time.process_time()
            way(images)
            seconds = time.process_time() - began
            passes[name] = network.passes + copy.passes
            if turn:  # the first turn allocates
                times[name].append(1000 * seconds)
                ratios[name].append(1000 * seconds / times["probability alone"][-1])
    return {
        name: {"ms": statistics.median(times[name]), "ratio": statistics.median(ratios[name]), "passes": passes[name]}
        for name in ways
    }


def memory(count: int, size: int, samples: int) -> dict[str, tuple[float, float]]:
    """Resident memory in MiB after a tenth of ``count`` images and after all, for each method."""
    network = Classifier().eval()
    grown = {}
    for method in METHODS:
        mapper = EvidenceMapper(network, method, samples=samples)
        resident = []
        for _ in range(count):
            mapper(torch.rand(1, 1, size, size))
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            resident.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
        grown[method] = (resident[count // 10], resident[-1])
    return grown


def main() -> None:
    """Print the table in Markdown."""
    options = argparse.ArgumentParser(description="Cost of evidence maps")
    options.add_argument("--size", type=int, default=256, help="image side in pixels (default: 256)")
    options.add_argument("--repeats", type=int, default=5, help="turns of every way (default: 5)")
    options.add_argument("--samples", type=int, default=8, help="noisy copies of the smooth maps (default: 8)")
    options.add_argument("--memory", type=int, default=0, help="also watch the memory over so many images of 64 x 64")
    arguments = options.parse_args()

    print("| way | processor ms an image | to probability alone | passes of the convolutions |")
    print("| --- | ---: | ---: | ---: |")
    for name, row in measure(arguments.size, arguments.repeats, arguments.samples).items():
        print(f"| {name} | {row['ms']:.0f} | {row['ratio']:.2f} | {row['passes']} |")
    if arguments.memory:
        print(f"\n| method | MiB after {arguments.memory // 10} images | after {arguments.memory} |")
        print("| --- | ---: | ---: |")
        for method, (tenth, end) in memory(arguments.memory, 64, 2).items():
            print(f"| {method} | {tenth:.0f} | {end:.0f} |")


if __name__ == "__main__":
    main()
