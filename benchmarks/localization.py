"""What evidence maps cost: probability and map against probability alone, and against MONAI's hook-based classes.

All ways take turns in one process, and processor time is measured, so that ratios hold whatever else the machine does:

    python -m benchmarks.localization --repeats 5

By default the network is the shipped one, which also runs in the other runtimes and in integers of 8 bits (these give
no maps); with `--network vgg16` a VGG-16 with random weights and global average pooling, the network of the study.
MONAI's classes give the map only: the probability beside it would cost them one more forward pass.
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

from benchmarks.runtimes import BUNDLES, PLAIN, runtimes, through
from common.inference_config import read_inference
from common.inferers import EvidenceInferer, OpenVINOInferer
from common.localization import METHODS, EvidenceMapper
from common.networks import VGGClassifier
from common.networks.weights import load_weights

Way = Callable[[torch.Tensor], Any]
#: Whose output the head pools, but for a ReLU.
LAST = {"shipped": "_bn1", "vgg16": "encoder.features.29"}
ALONE = f"probability, {PLAIN}"


def built(name: str) -> nn.Module:
    """The classifier of this name, on the CPU, in evaluation mode."""
    if name == "vgg16":
        torch.manual_seed(0)
        return VGGClassifier(16).eval()
    parser = read_inference(BUNDLES / "tb_cls", overrides={"device": "$torch.device('cpu')"})
    network = parser.get_parsed_content("network").eval()
    load_weights(network, parser.get_parsed_content("weights"))
    return network


def count_passes(network: nn.Module, passes: list[int]) -> nn.Module:
    """Add one to the first element whenever the convolutions run."""
    forward = network.forward_features

    def counted(x: torch.Tensor) -> torch.Tensor:
        passes[0] += 1
        return forward(x)  # type: ignore[operator]

    network.forward_features = counted  # type: ignore[assignment]
    return network


def compared(name: str, samples: int, passes: list[int]) -> dict[str, Way]:
    """All ways; MONAI's hooks, which stay, are on a network of their own."""
    network, copy = (count_passes(built(name), passes) for _ in range(2))
    quantized = BUNDLES / "tb_cls" / "models" / "model_int8.xml" if name == "shipped" else None
    cam = CAM(copy, LAST[name], "fc")
    grad, plus = GradCAM(copy, LAST[name]), GradCAMpp(copy, LAST[name])
    vanilla, smooth = VanillaGrad(copy), SmoothGrad(copy, n_samples=samples, verbose=False)
    ways: dict[str, Way] = {f"probability, {way}": forward for way, forward in runtimes(built(name), quantized).items()}
    for method in METHODS:
        ways[f"EvidenceMapper {method}"] = EvidenceMapper(network, method, samples=samples)
    for method in ("crm", "grad_cam_pp"):
        mapped = EvidenceInferer(method, runtime=OpenVINOInferer("bf16"))
        ways[f"{method}, OpenVINO bf16"] = through(mapped, network)
    # MONAI's CAM records gradients unless told otherwise.
    ways["monai CAM"] = torch.no_grad()(lambda images: cam(images, class_idx=[1]))
    ways["monai GradCAM"] = lambda images: grad(images, class_idx=1)
    ways["monai GradCAMpp"] = lambda images: plus(images, class_idx=1)
    ways["monai VanillaGrad"] = lambda images: vanilla(images.clone(), index=1)
    ways["monai SmoothGrad"] = lambda images: smooth(images.clone(), index=1)
    return ways


def measure(name: str, size: int, repeats: int, samples: int) -> dict[str, dict[str, float]]:
    """Milliseconds of processor time an image, the ratio to the probability alone, and passes of torch's convolutions.

    Passes of the probability alone and of other runtimes are not counted.
    """
    passes = [0]
    ways = compared(name, samples, passes)
    images = torch.rand(1, 1, size, size)
    times: dict[str, list[float]] = {way: [] for way in ways}
    ratios: dict[str, list[float]] = {way: [] for way in ways}
    counts: dict[str, int] = {}
    for turn in range(repeats + 1):
        for way, call in ways.items():
            passes[0] = 0
            began = time.process_time()
            call(images)
            seconds = time.process_time() - began
            counts[way] = passes[0]
            if turn:  # the first turn allocates and compiles
                times[way].append(1000 * seconds)
                ratios[way].append(1000 * seconds / times[ALONE][-1])
    return {
        way: {"ms": statistics.median(times[way]), "ratio": statistics.median(ratios[way]), "passes": counts[way]}
        for way in ways
    }


def memory(name: str, count: int, size: int, samples: int) -> dict[str, tuple[float, float]]:
    """Resident memory in MiB after a tenth of ``count`` images and after all, for each method."""
    network = built(name)
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
    options.add_argument("--network", default="shipped", choices=LAST, help="which network (default: shipped)")
    options.add_argument("--size", type=int, default=320, help="image side in pixels (default: 320)")
    options.add_argument("--repeats", type=int, default=5, help="turns of every way (default: 5)")
    options.add_argument("--samples", type=int, default=8, help="noisy copies of the smooth maps (default: 8)")
    options.add_argument("--memory", type=int, default=0, help="also watch the memory over so many images of 64 x 64")
    arguments = options.parse_args()

    print("| way | processor ms an image | to torch fp32 | passes of the convolutions in torch |")
    print("| --- | ---: | ---: | ---: |")
    for name, row in measure(arguments.network, arguments.size, arguments.repeats, arguments.samples).items():
        passes = row["passes"] or ""
        print(f"| {name} | {row['ms']:.0f} | {row['ratio']:.2f} | {passes} |")
    if arguments.memory:
        print(f"\n| method | MiB after {arguments.memory // 10} images | after {arguments.memory} |")
        print("| --- | ---: | ---: |")
        for method, (tenth, end) in memory(arguments.network, arguments.memory, 64, 2).items():
            print(f"| {method} | {tenth:.0f} | {end:.0f} |")


if __name__ == "__main__":
    main()
