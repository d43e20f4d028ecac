"""Images a second of a bundle: the network alone, and from file to result.

All runtimes take turns in one process, so that ratios hold whatever else the machine does:

    python -m benchmarks.inference_speed --bundle tb_cls --images 48 --repeats 3
    python -m benchmarks.inference_speed --bundle tb_cls --data RADIOGRAPHS --images 48

Beside the time stands how far probabilities and masks move from those of plain torch; on phantoms that says little,
the more of the model in integers, which was fitted to radiographs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.metrics import DiceMetric

from benchmarks.pipeline_speed import collect
from benchmarks.runtimes import BUNDLES, PLAIN, configured, from_file, run_quietly, runtimes
from common.data import folder_items
from common.networks.weights import load_weights


def loaded(bundle: Path, data: Path, scratch: Path) -> tuple[torch.nn.Module, torch.Tensor]:
    """The network with its weights, on the CPU, and up to 16 of its inputs [images, 1, W, H]."""
    parser = configured(bundle, data, scratch, options={"device": "$torch.device('cpu')"})
    network = parser.get_parsed_content("network").eval()
    load_weights(network, parser.get_parsed_content("weights"))
    dataset = parser.get_parsed_content("dataset")
    return network, torch.stack([dataset[i]["image"].as_tensor() for i in range(min(16, len(dataset)))])


def probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Of lungs or lesions in each pixel, or of the last class [images]."""
    return logits.sigmoid() if logits.dim() == 4 else logits.softmax(1)[:, -1]


def time_network(
    network: torch.nn.Module, images: torch.Tensor, repeats: int, quantized: Path | None = None
) -> dict[str, dict[str, float]]:
    """Milliseconds an image of the network alone, and how its output differs from plain torch.

    Args:
        network: on the CPU, in evaluation mode.
        images: network inputs [images, 1, W, H].
        repeats: turns of every way.
        quantized: see :func:`benchmarks.runtimes.runtimes`.
    """
    ways = runtimes(network, quantized)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found = {name: probabilities(torch.cat([way(image[None]) for image in images])) for name, way in ways.items()}
    for _ in range(repeats):
        for name, way in ways.items():
            began = time.perf_counter()
            for start in range(0, len(images), 4):
                way(images[start : start + 4])
            seconds[name].append((time.perf_counter() - began) / len(images))
    plain = statistics.median(seconds[PLAIN])
    return {
        name: {
            "ms_per_image": 1000 * statistics.median(values),
            "ratio": plain / statistics.median(values),
            "change": float((found[name] - found[PLAIN]).abs().mean()),
            **({"dice_to_torch": dice(found[name] > 0.5, found[PLAIN] > 0.5)} if found[name].dim() == 4 else {}),
        }
        for name, values in seconds.items()
    }


def dice(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean Dice of two batches of masks."""
    metric = DiceMetric(ignore_empty=False)
    return float(metric(a.float(), b.float()).mean())


def time_end_to_end(bundle: Path, data: Path, scratch: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Images a second from file to saved result, in one process without reading workers."""
    evaluators = {
        way: configured(bundle, data, scratch / way.replace(" ", "_"), *setting).get_parsed_content("evaluator")
        for way, setting in from_file(bundle).items()
    }
    rates: dict[str, list[float]] = {way: [] for way in evaluators}
    for turn in range(repeats + 1):
        for way, evaluator in evaluators.items():
            began = time.perf_counter()
            run_quietly(evaluator)
            if turn:  # the first turn compiles
                rates[way].append(len(evaluator.data_loader.dataset) / (time.perf_counter() - began))
    plain = statistics.median(rates[PLAIN])
    return {
        way: {"images_per_s": statistics.median(values), "ratio": statistics.median(values) / plain}
        for way, values in rates.items()
    }


def memory_growth(
    bundle: Path,
    data: Path,
    scratch: Path,
    images: int,
    overlays: tuple[str, ...] = (),
    options: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Resident memory after a tenth of ``images`` and after all of them, in MiB."""
    items = folder_items(data)
    listed = {"dataset::data": [items[i % len(items)] for i in range(images)], **(options or {})}
    evaluator = configured(bundle, data, scratch / "memory", overlays, listed).get_parsed_content("evaluator")
    resident: list[float] = []

    def sample(engine: Any) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        resident.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)

    evaluator.add_event_handler(Events.ITERATION_COMPLETED, sample)
    run_quietly(evaluator)
    return {"images": images, "after_tenth_mib": resident[len(resident) // 10], "after_all_mib": resident[-1]}


def start_up(data: Path, scratch: Path, repeats: int, bundle: Path) -> dict[str, dict[str, float]]:
    """Seconds from the command to the end, of inference on one radiograph and of the imports that MONAI itself does.

    Args:
        data: folder with one radiograph.
        scratch: for results.
        repeats: turns of both commands; the first, which fills the disk's cache, does not count.
        bundle: whose inference.yaml runs.

    Returns:
        For each command the median of the clock's seconds and of the processor's.
    """
    options = {"bundle_root": bundle, "config_file": bundle / "configs" / "inference.yaml", "num_workers": 0}
    options |= {"dataset_dir": data, "output_dir": scratch / "start"}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    commands = {
        "import monai.bundle": ["-c", "import monai.bundle"],
        "inference, one radiograph": ["-m", "monai.bundle", "run", *arguments],
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            clock, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            if turn:
                used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                seconds[name].append((clock, used))
    return {
        name: dict(zip(("seconds", "processor_seconds"), map(statistics.median, zip(*pairs, strict=True)), strict=True))
        for name, pairs in seconds.items()
    }


def report_start_up(figures: dict[str, dict[str, float]]) -> None:
    """Print what :func:`start_up` found."""
    print("\nfrom the command to the end  seconds   of the processor")
    for name, row in figures.items():
        print(f"{name:26} {row['seconds']:9.1f} {row['processor_seconds']:9.1f}")


def main() -> None:
    """Run all measurements and print them as a table and as JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--bundle", default="lung_seg", choices=("lung_seg", "tb_cls", "tb_seg"), help="which one")
    options.add_argument("--data", type=Path, help="radiographs to measure on (default: phantoms)")
    options.add_argument("--images", type=int, default=32, help="how many of them (default: 32)")
    options.add_argument("--side", type=int, default=1024, help="size of the phantoms in pixels (default: 1024)")
    options.add_argument("--repeats", type=int, default=3, help="turns of every runtime (default: 3)")
    options.add_argument("--memory", type=int, default=0, help="also run so many images and watch the memory")
    options.add_argument("--startup", type=int, default=3, help="turns of the whole command; 0: none (default: 3)")
    options.add_argument("--output", type=Path, help="write the figures there as JSON")
    arguments = options.parse_args()
    bundle = BUNDLES / arguments.bundle

    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        one, data = collect(arguments, scratch)
        network, images = loaded(bundle, data, scratch / "network")
        figures: dict[str, Any] = {
            "bundle": arguments.bundle,
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
            },
            "network": time_network(network, images, arguments.repeats, bundle / "models" / "model_int8.xml"),
            "file_to_result": time_end_to_end(bundle, data, scratch, arguments.repeats),
        }
        if arguments.startup:
            figures["start_up"] = start_up(one, scratch, arguments.startup, bundle)
        if arguments.memory:
            figures["memory"] = memory_growth(bundle, data, scratch, arguments.memory)
        figures["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report(figures)
    if arguments.output:
        arguments.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def report(figures: dict[str, Any]) -> None:
    """Print the figures as tables."""
    print("\nnetwork alone            ms/image   ratio   probability, mean change   Dice to torch fp32")
    for name, row in figures["network"].items():
        mask = f"{row['dice_to_torch']:20.5f}" if "dice_to_torch" in row else ""
        print(f"{name:24} {row['ms_per_image']:8.1f} {row['ratio']:6.1f}x {row['change']:25.5f} {mask}")
    print("\nfile to saved result     images/s   ratio")
    for name, row in figures["file_to_result"].items():
        print(f"{name:24} {row['images_per_s']:8.1f} {row['ratio']:6.1f}x")
    if "start_up" in figures:
        report_start_up(figures["start_up"])
    if "memory" in figures:
        row = figures["memory"]
        print(f"\nmemory: {row['after_tenth_mib']:.0f} MiB after {row['images'] // 10} images, ", end="")
        print(f"{row['after_all_mib']:.0f} MiB after {row['images']}")


if __name__ == "__main__":
    main()
