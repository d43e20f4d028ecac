"""Images a second of tb_cls from file to probability, and to probability and evidence, and its memory:

    python -m benchmarks.classification_speed --images 24 --repeats 3 --memory 1000

All ways take turns in one process, so that ratios hold whatever else the machine does. Each reads radiographs, finds
the lungs, crops, classifies and writes the table; those with evidence also find regions and write the three pictures
of each radiograph. The network alone, method by method, is measured by benchmarks.localization. The model in integers
of 8 bits gives no maps.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.data import MetaTensor
from monai.visualize import GradCAM, VanillaGrad
from torch import nn

from benchmarks.inference_speed import memory_growth, report_start_up, start_up
from benchmarks.pipeline_speed import collect
from benchmarks.runtimes import BUNDLES, PLAIN, configured, from_file, run_quietly
from common.data import radiograph_phantom
from common.data.phantom_files import write_picture
from common.inferers import EvidenceInferer
from common.inferers.evidence import EVIDENCE, LOGITS
from common.localization import METHODS

BUNDLE = BUNDLES / "tb_cls"
#: Whose output the default network's head pools, but for a ReLU.
LAST = "_bn1"
HOOKED = "MONAI's hooks, Grad-CAM, torch fp32"


class HookedInferer(EvidenceInferer):
    """Scores by the network, and then the evidence map by the hooks of `monai.visualize`, in plain torch.

    Args:
        method: "grad_cam" or "saliency".
    """

    def __init__(self, method: str) -> None:
        super().__init__(method)
        self._map: Callable[[torch.Tensor], Any] | None = None

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
        """Logits [B, K] and maps [B, 1, W, H]."""
        if self._map is None:
            hooked = VanillaGrad(network) if self.method == "saliency" else GradCAM(network, LAST)
            option = "index" if self.method == "saliency" else "class_idx"
            self._map = lambda image: hooked(image, **{option: 1})
        with torch.inference_mode(False):
            images = torch.as_tensor(inputs).as_subclass(torch.Tensor).clone()
            with torch.no_grad():
                logits = network(images)
            # MONAI's saliency takes one image at a time.
            parts = images.split(1) if self.method == "saliency" else [images]
            maps = torch.cat([torch.as_tensor(self._map(part)).detach().abs() for part in parts])
            maps = maps / maps.amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
        return {name: MetaTensor(part).copy_meta_from(inputs) for name, part in ((LOGITS, logits), (EVIDENCE, maps))}


#: Overlays of inference.yaml and options for each way to probability and evidence, the reference first.
WITH_EVIDENCE: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    HOOKED: (("localize",), {"inferer": HookedInferer("grad_cam")}),
    "MONAI's hooks, saliency, torch fp32": (("localize",), {"inferer": HookedInferer("saliency")}),
    **{
        f"{method}, torch fp32": (("localize",), {"method": method})
        for method in ("cam", "crm", "grad_cam", "grad_cam_pp", "saliency")
    },
    "grad_cam_pp, torch bf16": (("localize",), {"method": "grad_cam_pp", "amp": True}),
    "crm, OpenVINO bf16": (("localize", "localize_openvino"), {"method": "crm"}),
    "grad_cam_pp, OpenVINO bf16": (("localize", "localize_openvino"), {"method": "grad_cam_pp"}),
}


def time_ways(data: Path, scratch: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Milliseconds an image by the clock and of the processor, and the rate relative to plain torch."""
    evaluators: dict[str, Any] = {}
    reference: dict[str, str] = {}
    for first, ways in ((PLAIN, from_file(BUNDLE)), (HOOKED, WITH_EVIDENCE)):
        for name, setting in ways.items():
            parser = configured(BUNDLE, data, scratch / str(len(evaluators)), *setting)
            evaluators[name] = parser.get_parsed_content("evaluator")
            reference[name] = first
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in evaluators}
    for turn in range(repeats + 1):
        for name, evaluator in evaluators.items():
            clock, processor = time.perf_counter(), time.process_time()
            run_quietly(evaluator)
            if turn:  # the first turn compiles
                taken[name].append((time.perf_counter() - clock, time.process_time() - processor))
    middle = {
        name: [
            1000 * statistics.median(part) / len(evaluators[name].data_loader.dataset)
            for part in zip(*pairs, strict=True)
        ]
        for name, pairs in taken.items()
    }
    return {
        name: {"ms": clock, "processor_ms": processor, "ratio": middle[reference[name]][0] / clock}
        for name, (clock, processor) in middle.items()
    }


def memory_of_methods(scratch: Path, images: int, methods: Sequence[str]) -> dict[str, dict[str, float]]:
    """Resident memory of each method; with ``none`` the probability alone.

    Films and network images are small: what a run keeps of each image is its metadata, hooks and graphs, not pixels.
    """
    data = scratch / "small"
    for number in range(8):
        phantom = radiograph_phantom((256, 256), seed=number, lesions=number % 3)
        write_picture(data / f"{number}.png", phantom.image)
    found = {}
    for method in methods:
        overlays, options = ((), {}) if method == "none" else (("localize",), {"method": method})
        setting = (overlays, {"image_size": [64, 64], **options})
        found[method] = memory_growth(BUNDLE, data, scratch / f"memory_{method}", images, *setting)
    return found


def main() -> None:
    """Run all measurements and print them as tables and as JSON."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, help="radiographs to measure on (default: phantoms)")
    options.add_argument("--images", type=int, default=24, help="how many of them (default: 24)")
    options.add_argument("--side", type=int, default=1024, help="size of the phantoms in pixels (default: 1024)")
    options.add_argument("--repeats", type=int, default=3, help="turns of every way; 0: none (default: 3)")
    options.add_argument("--startup", type=int, default=3, help="turns of the whole command; 0: none (default: 3)")
    options.add_argument("--memory", type=int, default=0, help="also run so many images by each method")
    options.add_argument("--methods", nargs="+", default=["none", *METHODS], help="for --memory (default: all)")
    options.add_argument("--output", type=Path, help="write the figures there as JSON")
    arguments = options.parse_args()

    figures: dict[str, Any] = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        one, data = collect(arguments, scratch)
        if arguments.repeats:
            figures["file_to_result"] = time_ways(data, scratch, arguments.repeats)
        if arguments.startup:
            figures["start_up"] = start_up(one, scratch, arguments.startup, BUNDLE)
        if arguments.memory:
            figures["memory"] = memory_of_methods(scratch, arguments.memory, arguments.methods)
    report(figures)
    if arguments.output:
        arguments.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def report(figures: dict[str, Any]) -> None:
    """Print the figures as tables."""
    if "file_to_result" in figures:
        print("\nfrom file to result                     ms/image  of the processor   ratio")
        for name, row in figures["file_to_result"].items():
            print(f"{name:38} {row['ms']:9.1f} {row['processor_ms']:17.1f} {row['ratio']:6.1f}x")
    if "start_up" in figures:
        report_start_up(figures["start_up"])
    for method, row in figures.get("memory", {}).items():
        print(f"memory, {method}: {row['after_tenth_mib']:.0f} MiB after {row['images'] // 10} images, ", end="")
        print(f"{row['after_all_mib']:.0f} MiB after {row['images']}")


if __name__ == "__main__":
    main()
