"""Images a second of lung_seg: the network alone, and from file to saved mask.

All runtimes take turns in one process, so that ratios hold whatever else the machine does:

    python -m benchmarks.inference_speed --images 48 --repeats 3
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.metrics import DiceMetric

from benchmarks.runtimes import runtimes
from common.data import lung_items, write_phantom_dataset

ROOT = Path(__file__).resolve().parent.parent
BUNDLE = ROOT / "bundles" / "lung_seg"

#: Overrides of inference.yaml for each way from file to mask; the first is what the others are compared with.
END_TO_END: dict[str, dict[str, Any]] = {
    "torch fp32": {
        "inferer": {"_target_": "common.inferers.MixedPrecisionInferer", "amp": False, "channels_last": False}
    },
    "torch bf16 channels_last": {"amp": True},
    "ONNX Runtime fp32": {"inferer": {"_target_": "common.inferers.ONNXRuntimeInferer"}},
    "OpenVINO f32": {"inferer": {"_target_": "common.inferers.OpenVINOInferer", "precision": "f32"}},
    "OpenVINO bf16": {"inferer": {"_target_": "common.inferers.OpenVINOInferer", "precision": "bf16"}},
}


def build(dataset_dir: Path, output_dir: Path, overrides: dict[str, Any], weights: Path | None) -> ConfigParser:
    """The configuration of inference.yaml, ready to give its evaluator."""
    parser = ConfigParser()
    parser.read_config(str(BUNDLE / "configs" / "inference.yaml"))
    parser.update(
        {
            "bundle_root": str(BUNDLE),
            "dataset_dir": str(dataset_dir),
            "output_dir": str(output_dir),
            "num_workers": 0,
            **overrides,
        }
    )
    # The folder also holds masks, which inference on a plain folder would take for radiographs.
    parser.update({"dataset::data": lung_items(dataset_dir, split_column=None)})
    if weights is not None:
        parser.update({"weights": str(weights)})
    return parser


def time_network(network: torch.nn.Module, images: torch.Tensor, repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds an image of the network alone, and how its masks differ from plain torch."""
    ways = runtimes(network)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    masks = {name: torch.cat([way(image[None]) for image in images]) > 0 for name, way in ways.items()}
    for _ in range(repeats):
        for name, way in ways.items():
            began = time.perf_counter()
            for start in range(0, len(images), 4):
                way(images[start : start + 4])
            seconds[name].append((time.perf_counter() - began) / len(images))
    reference = next(iter(ways))
    return {
        name: {
            "ms_per_image": 1000 * statistics.median(values),
            "ratio": statistics.median(seconds[reference]) / statistics.median(values),
            "dice_to_torch": dice(masks[name], masks[reference]),
        }
        for name, values in seconds.items()
    }


def dice(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean Dice of two batches of masks."""
    metric = DiceMetric(ignore_empty=False)
    return float(metric(a.float(), b.float()).mean())


def time_end_to_end(
    dataset_dir: Path, scratch: Path, weights: Path | None, repeats: int
) -> dict[str, dict[str, float]]:
    """Images a second from file to saved mask, in one process without reading workers."""
    evaluators = {}
    for name, overrides in END_TO_END.items():
        parser = build(dataset_dir, scratch / name.replace(" ", "_"), copy.deepcopy(overrides), weights)
        evaluators[name] = parser.get_parsed_content("evaluator")
    rates: dict[str, list[float]] = {name: [] for name in evaluators}
    for turn in range(repeats + 1):
        for name, evaluator in evaluators.items():
            count = len(evaluator.data_loader.dataset)
            began = time.perf_counter()
            with contextlib.redirect_stderr(io.StringIO()):
                evaluator.run()
            if turn:  # the first turn compiles
                rates[name].append(count / (time.perf_counter() - began))
    reference = statistics.median(rates["torch fp32"])
    return {
        name: {"images_per_s": statistics.median(values), "ratio": statistics.median(values) / reference}
        for name, values in rates.items()
    }


def memory_growth(dataset_dir: Path, scratch: Path, weights: Path | None, images: int) -> dict[str, float]:
    """Resident memory after a tenth of ``images`` and after all of them, in MiB."""
    parser = build(dataset_dir, scratch / "memory", {}, weights)
    items = lung_items(dataset_dir, split_column=None)
    items = [items[i % len(items)] for i in range(images)]
    parser.update({"dataset::data": items})
    evaluator = parser.get_parsed_content("evaluator")
    resident: list[float] = []

    def sample(engine: Any) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        resident.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)

    from ignite.engine import Events

    evaluator.add_event_handler(Events.ITERATION_COMPLETED, sample)
    with contextlib.redirect_stderr(io.StringIO()):
        evaluator.run()
    return {"images": images, "after_tenth_mib": resident[len(resident) // 10], "after_all_mib": resident[-1]}


def main() -> None:
    """Run all measurements and print them as a table and as JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--images", type=int, default=32, help="phantoms to make (default: 32)")
    options.add_argument("--side", type=int, default=1024, help="their size in pixels (default: 1024)")
    options.add_argument("--repeats", type=int, default=3, help="turns of every runtime (default: 3)")
    options.add_argument("--memory", type=int, default=0, help="also run so many images and watch the memory")
    options.add_argument("--weights", type=Path, help="weights of the default network (default: those of the bundle)")
    options.add_argument("--output", type=Path, help="write the figures there as JSON")
    arguments = options.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        data = scratch / "phantoms"
        write_phantom_dataset(data, arguments.images, seed=0, size=(arguments.side, arguments.side))
        parser = build(data, scratch / "network", {}, arguments.weights)
        network = parser.get_parsed_content("network").eval()
        parser.get_parsed_content("handlers")[0]()
        dataset = parser.get_parsed_content("dataset")
        images = torch.stack([dataset[i]["image"].as_tensor() for i in range(min(16, len(dataset)))])
        figures: dict[str, Any] = {
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
            },
            "network": time_network(network, images, arguments.repeats),
            "file_to_mask": time_end_to_end(data, scratch, arguments.weights, arguments.repeats),
        }
        if arguments.memory:
            figures["memory"] = memory_growth(data, scratch, arguments.weights, arguments.memory)
        figures["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report(figures)
    if arguments.output:
        arguments.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def report(figures: dict[str, Any]) -> None:
    """Print the figures as two tables."""
    print("\nnetwork alone            ms/image   ratio   Dice to torch fp32")
    for name, row in figures["network"].items():
        print(f"{name:24} {row['ms_per_image']:8.1f} {row['ratio']:6.1f}x  {row['dice_to_torch']:.5f}")
    print("\nfile to saved mask       images/s   ratio")
    for name, row in figures["file_to_mask"].items():
        print(f"{name:24} {row['images_per_s']:8.1f} {row['ratio']:6.1f}x")
    if "memory" in figures:
        row = figures["memory"]
        print(f"\nmemory: {row['after_tenth_mib']:.0f} MiB after {row['images'] // 10} images, ", end="")
        print(f"{row['after_all_mib']:.0f} MiB after {row['images']}")


if __name__ == "__main__":
    np.random.seed(0)  # noqa: NPY002 - MONAI's default generator
    main()
