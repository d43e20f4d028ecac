"""The pipeline against the three bundles run in turn: time from files to results, and how results differ.

Each way is started as a user would start it, on one radiograph (start-up) and on all of them; what lies between is the
time of the radiographs themselves. Processor time is measured beside wall time: on a machine that does other work at
the same time it is the steadier of the two. OpenVINO keeps converted networks between runs: the first run, which
converts them, is measured apart, in a folder that is empty then.

    python -m benchmarks.pipeline_speed --images 24
    python -m benchmarks.pipeline_speed --data my_radiographs --images 24
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from common.data.phantom import radiograph_phantom
from common.data.phantom_files import write_picture
from common.io import find_radiographs
from common.io.mask_file import read_binary_mask
from common.metrics.overlap import confusion_counts, dice_from_counts
from common.pipeline.options import BUNDLES, OPENVINO, PARTS, RUNTIMES, default_runtime

IN_TURN = "three bundles in turn"
MASKS = {"lung_seg": "_lungs.png", "tb_seg": "_tb.png"}


class Seconds(NamedTuple):
    """What a command took: on the clock, and of processors."""

    wall: float
    processor: float

    def __add__(self, other: Any) -> Seconds:
        return Seconds(self.wall + other.wall, self.processor + other.processor)


def run(command: Sequence[str]) -> Seconds:
    """Run a command to its end.

    Raises:
        RuntimeError: its exit status is neither 0 nor 3 (some files were refused).
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return Seconds(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def in_turn(bundles: Path, parts: Sequence[str], data: Path, output: Path) -> Seconds:
    """The bundles one after the other, with their own settings."""
    seconds = Seconds(0, 0)
    for part in parts:
        options = {"bundle_root": bundles / part, "config_file": bundles / part / "configs" / "inference.yaml"}
        options |= {"dataset_dir": data, "output_dir": output / part}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        seconds += run(["-m", "monai.bundle", "run", *words])
    return seconds


def pipeline(bundles: Path, parts: Sequence[str], runtime: str, data: Path, output: Path) -> Seconds:
    """All of them in the pipeline."""
    words = [str(data), str(output), "--bundles", str(bundles), "--only", *parts, "--runtime", runtime]
    return run(["-m", "common.pipeline", *words])


def differences(reference: Path, found: Path, parts: Sequence[str]) -> dict[str, float]:
    """Least and mean Dice of the masks, largest difference of TB probabilities, changed decisions."""
    figures: dict[str, float] = {}
    for part, ending in MASKS.items():
        if part in parts:
            names = [path.relative_to(reference) for path in sorted((reference / part).rglob(f"*{ending}"))]
            values = [_dice(read_binary_mask(found / name), read_binary_mask(reference / name)) for name in names]
            figures |= {f"{part} least Dice": min(values), f"{part} mean Dice": float(np.mean(values))}
    if "tb_cls" in parts:
        a, b = (pd.read_csv(root / "tb_cls" / "predictions.csv").set_index("image") for root in (reference, found))
        figures["largest difference of TB probabilities"] = float((a.tb_probability - b.tb_probability).abs().max())
        figures["changed TB decisions"] = float((a.tb != b.tb)[a.tb.notna()].sum())
    return figures


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    counts = confusion_counts(a, b)
    return float(dice_from_counts(counts.tp, counts.fp, counts.fn))


def collect(arguments: argparse.Namespace, folder: Path) -> tuple[Path, Path]:
    """A folder with one radiograph and one with all."""
    one, every = folder / "one", folder / "all"
    one.mkdir()
    every.mkdir()
    if arguments.data:
        sources = find_radiographs(arguments.data.resolve())
        # Spread over the folder, which may hold several sites.
        chosen = [sources[i] for i in np.linspace(0, len(sources) - 1, min(arguments.images, len(sources))).astype(int)]
    else:
        side = arguments.side
        chosen = []
        for number in range(arguments.images):
            phantom = radiograph_phantom((side, side), seed=number, lesions=number % 3)
            chosen.append(write_picture(folder / "phantoms" / f"{number:04d}.png", phantom.image))
    for number, path in enumerate(chosen):
        for target in (every, one) if number == 0 else (every,):
            os.symlink(path, target / f"{number:04d}_{path.name}")
    return one, every


def main() -> None:
    """Run all ways and print their times and differences."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--images", type=int, default=24, help="radiographs (default: 24)")
    options.add_argument("--side", type=int, default=1024, help="size of the phantoms in pixels (default: 1024)")
    options.add_argument("--data", type=Path, help="take radiographs from this folder instead of phantoms")
    options.add_argument("--bundles", type=Path, default=BUNDLES, help="folder of the bundles")
    options.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts (default: all)")
    options.add_argument(
        "--runtimes",
        nargs="+",
        choices=RUNTIMES,
        default=[default_runtime()],
        help="of the pipeline",
    )
    options.add_argument("--output", type=Path, help="write the figures there as JSON")
    arguments = options.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one, every = collect(arguments, folder)
        count = len(list(every.iterdir()))
        os.environ["XDG_CACHE_HOME"] = str(folder / "kept")
        times: dict[str, dict[str, Seconds]] = {}
        first_run = None
        if OPENVINO in arguments.runtimes:
            first_run = pipeline(arguments.bundles, arguments.only, OPENVINO, one, folder / "first")
        changes: dict[str, dict[str, float]] = {}
        for data in (one, every):
            for way in (IN_TURN, *arguments.runtimes):
                output = folder / f"{data.name}_{way.replace(' ', '_')}"
                if way == IN_TURN:
                    seconds = in_turn(arguments.bundles, arguments.only, data, output)
                else:
                    seconds = pipeline(arguments.bundles, arguments.only, way, data, output)
                times.setdefault(way, {})[data.name] = seconds
                if data is every and way != IN_TURN:
                    changes[way] = differences(folder / f"all_{IN_TURN.replace(' ', '_')}", output, arguments.only)
    figures = {"images": count, "parts": arguments.only, "ways": summary(times, count), "differences": changes}
    if first_run is not None:
        figures["first_openvino_run"] = first_run._asdict()
    report(figures)
    if arguments.output:
        arguments.output.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def summary(times: dict[str, dict[str, Seconds]], count: int) -> dict[str, dict[str, float]]:
    """Seconds by way, and how many times faster than the first way."""
    rows: dict[str, dict[str, float]] = {}
    for way, found in times.items():
        rows[way] = {}
        for kind in Seconds._fields:
            start, whole = getattr(found["one"], kind), getattr(found["all"], kind)
            rows[way] |= {f"{kind}_start": start, f"{kind}_all": whole}
            rows[way][f"{kind}_per_image"] = (whole - start) / max(count - 1, 1)
    first = next(iter(rows.values()))
    for row in rows.values():
        row |= {f"{name}_ratio": first[name] / row[name] for name in first if not name.endswith("_ratio")}
    return rows


def report(figures: dict[str, Any]) -> None:
    """Print the figures as a table."""
    print(f"{figures['images']} radiographs; start-up is the time of a run on one")
    for kind in Seconds._fields:
        print(f"\n{kind + ' time':24}  start-up s         all s         ms an image")
        for way, row in figures["ways"].items():
            cells = (
                f"{factor * row[f'{kind}_{name}']:8.1f} {row[f'{kind}_{name}_ratio']:5.2f}x"
                for name, factor in (("start", 1), ("all", 1), ("per_image", 1000))
            )
            print(f"{way:24}{' '.join(cells)}")
    if "first_openvino_run" in figures:
        found = figures["first_openvino_run"]
        print(f"\nfirst run in OpenVINO, on one: {found['wall']:.1f} s, {found['processor']:.1f} s of processors")
    for way, row in figures["differences"].items():
        print(f"\npipeline in {way} against {IN_TURN}")
        for name, value in row.items():
            print(f"  {name}: {value:.5g}")


if __name__ == "__main__":
    main()
