"""Parameters and milliseconds an image of every network of a bundle, side by side in one run:

    python -m benchmarks.networks --bundle tb_seg --repeats 3

Weights do not matter for the time; the networks are measured as they are built. On a machine that does other work,
--processor_time counts what the processors did for this process alone, on all of its threads.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
from monai.bundle import ConfigParser

from benchmarks.runtimes import Forward, through
from common.inferers import MixedPrecisionInferer, OpenVINOInferer

BUNDLES = Path(__file__).resolve().parent.parent / "bundles"


def networks(bundle: str) -> dict[str, torch.nn.Module]:
    """One network of each overlay of a bundle, in evaluation mode."""
    built = {}
    for path in sorted((BUNDLES / bundle / "configs" / "networks").glob("*.yaml")):
        parser = ConfigParser()
        parser.read_config(str(path))
        built[path.stem] = parser.get_parsed_content("network_def").eval()
    return built


def main() -> None:
    """Print the table in Markdown."""
    options = argparse.ArgumentParser(description="Parameters and speed of the networks of a bundle")
    options.add_argument(
        "--bundle",
        default="lung_seg",
        choices=("lung_seg", "tb_cls", "tb_seg"),
        help="whose networks (default: lung_seg)",
    )
    options.add_argument("--size", type=int, default=256, help="image side in pixels (default: 256)")
    options.add_argument("--repeats", type=int, default=3, help="turns of every network (default: 3)")
    options.add_argument("--processor_time", action="store_true", help="processor time in place of the clock's")
    arguments = options.parse_args()
    now = time.process_time if arguments.processor_time else time.perf_counter

    torch.manual_seed(0)
    image = torch.rand(1, 1, arguments.size, arguments.size)
    ways: dict[str, dict[str, Forward]] = {}
    built = networks(arguments.bundle)
    for name, network in built.items():
        ways[name] = {
            "torch fp32": through(MixedPrecisionInferer(amp=False, channels_last=False), network),
            "torch bf16": through(MixedPrecisionInferer(), network),
            "OpenVINO bf16": through(OpenVINOInferer("bf16"), network),
        }
    times: dict[tuple[str, str], list[float]] = {}
    for turn in range(arguments.repeats + 1):
        for name, forwards in ways.items():
            for way, forward in forwards.items():
                began = now()
                forward(image)
                if turn:  # the first turn compiles
                    times.setdefault((name, way), []).append(1000 * (now() - began))
    print("| network | parameters | torch fp32, ms | torch bf16, ms | OpenVINO bf16, ms |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, network in built.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        cells = " | ".join(f"{statistics.median(times[name, way]):.0f}" for way in ways[name])
        print(f"| {name} | {count:,} | {cells} |")


if __name__ == "__main__":
    main()
