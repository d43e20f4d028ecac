"""How long the figures of a report take, beside the plain loop over MONAI's metric classes:

    python -m benchmarks.evaluation_speed                 # 100,000 scores, 5,000 pairs of masks, 5,000 lesion results
    python -m benchmarks.evaluation_speed --scores 100000 --repeats 40 --pairs 100 --lesions 0

Scores are made up: four sites, both sexes, all ages, patients with up to three images. Masks, 512 x 512, are two
ellipses against the same moved and swollen; all figures of segmentation are asked for, surface Dice among them. Lesions
are a mask and lesions.json against a box, on every second image, the others being normal. Everything is written to a
folder of its own first, so that reading files is part of it. A tenth of the masks goes first: the peak of memory after
it and after all of them tells whether it grows.

The loop has no intervals of its own. For scores it draws as many bootstrap samples of the whole set and of every site
and subgroup, and gives each to ROCAUCMetric and AveragePrecisionMetric; for masks it reads the same files and gives
each pair to DiceMetric, MeanIoU, HausdorffDistanceMetric, SurfaceDistanceMetric and SurfaceDiceMetric, for lesions to
the first two, without any interval. It runs on a sample, whose time is multiplied up; the table says how large the
sample was. Seconds of the processor, of all workers together, stand beside those of the clock, which count for little
on a machine that does other work too.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from monai.metrics import (
    AveragePrecisionMetric,
    DiceMetric,
    HausdorffDistanceMetric,
    MeanIoU,
    ROCAUCMetric,
    SurfaceDiceMetric,
    SurfaceDistanceMetric,
)
from numpy.typing import NDArray
from PIL import Image

from common.data.parallel import default_processes
from common.evaluation.report import ReportOptions, build_report, read_models
from common.evaluation.subgroups import cohorts
from common.localization import Region, fill_boxes, write_regions

SCORES, PAIRS, LESIONS, REPEATS, SIDE = 100_000, 5_000, 5_000, 2_000, 512
#: Distance that surface Dice forgives, in pixels, for no pixel size is known.
TOLERANCE = 2.0
SITES = ("north", "south", "east", "west")
#: Seconds of the clock and of the processor.
Stopped = tuple[float, float]

#: Bootstrap samples and pairs that the loop is timed on.
SAMPLED_REPEATS, SAMPLED_PAIRS = 3, 20


def write_scores(folder: Path, count: int) -> None:
    """An index and the output folder of a classifier."""
    random = np.random.default_rng(0)
    label = random.integers(0, 2, count)
    score = 1.5 * (2 * label - 1) + 1.5 * random.normal(size=count)
    site = np.array(SITES)[random.integers(0, len(SITES), count)]
    image = [f"{name}/{number:06d}.png" for number, name in enumerate(site)]
    patient = [f"{number // 3}" for number in range(count)]
    about = {"dataset": site, "image": image, "patient_id": patient, "tb": label}
    more = {"sex": np.array(["F", "M"])[random.integers(0, 2, count)], "age": random.integers(5, 90, count)}
    probability = 1 / (1 + np.exp(-score))
    run = {"image": image, "status": "ok", "reason": "", "flags": "", "tb_score": score, "tb_probability": probability}
    (folder / "run").mkdir(parents=True)
    pd.DataFrame(about | more).to_csv(folder / "index.csv", index=False)
    pd.DataFrame(run).assign(tb=(probability >= 0.5).astype(int)).to_csv(folder / "run/predictions.csv", index=False)


def write_masks(folder: Path, count: int) -> None:
    """An index, true masks and predicted ones."""
    rows = []
    for number in range(count):
        random = np.random.default_rng(number)
        name = f"{SITES[number % len(SITES)]}/{number:05d}"
        place = random.normal(0, 8, 2)
        for path, (x, y), grown in (
            (folder / f"masks/{name}.png", place, 1.0),
            (folder / f"run/{name}_lungs.png", place + random.normal(0, 4, 2), random.normal(1, 0.03)),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(_lungs(x, y, grown).astype(np.uint8) * 255).save(path)
        site = SITES[number % len(SITES)]
        rows.append(
            {"dataset": site, "image": f"{name}.png", "patient_id": f"{number}", "lung_mask": f"masks/{name}.png"}
        )
    pd.DataFrame(rows).to_csv(folder / "index.csv", index=False)
    (folder / "run/run.json").write_text(json.dumps({"bundle": "made up", "version": "0"}))


def write_lesions(folder: Path, count: int) -> None:
    """An index with a box on every second image, and the output folder of a segmentation of lesions."""
    rows, regions = [], {}
    for number in range(count):
        random = np.random.default_rng(number)
        name, ill = f"{SITES[number % len(SITES)]}/{number:05d}", number % 2
        x, y, w, h = (int(edge) for edge in (*random.integers(0, 400, 2), *random.integers(40, 100, 2)))
        mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
        if ill or random.random() < 0.2:
            mask[y + 5 : y + h, x + 5 : x + w] = 255
        regions[f"{name}.png"] = [Region((x + 5, y + 5, w - 5, h - 5), random.random())] if mask.any() else []
        path = folder / f"run/{name}_tb.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
        boxes = json.dumps([{"label": "active", "xywh": [x, y, w, h]}]) if ill else ""
        about = {"dataset": SITES[number % len(SITES)], "image": f"{name}.png", "patient_id": f"{number}"}
        known = {"tb": ill, "boxes": boxes, "lung_area_fraction": 0.3}
        more = {"sex": random.choice(["F", "M"]), "age": random.integers(5, 90)}
        rows.append(about | known | more)
    pd.DataFrame(rows).to_csv(folder / "index.csv", index=False)
    write_regions(folder / "run/lesions.json", regions)


def _lungs(x: float, y: float, grown: float) -> NDArray[np.bool_]:
    down, across = np.mgrid[:SIDE, :SIDE]
    right = ((down - 250 - y) / (180 * grown)) ** 2 + ((across - 150 - x) / (85 * grown)) ** 2 < 1
    left = ((down - 250 - y) / (170 * grown)) ** 2 + ((across - 370 - x) / (80 * grown)) ** 2 < 1
    return right | left


def processor() -> float:
    """Seconds that this process and its finished workers have had of the processor."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


class Stopwatch:
    """Seconds since it was made, by the clock and of the processor."""

    def __init__(self) -> None:
        self.began = time.perf_counter(), processor()

    def seconds(self) -> tuple[float, float]:
        """Of the clock, of the processor."""
        return time.perf_counter() - self.began[0], processor() - self.began[1]


def ours(folder: Path, options: ReportOptions) -> tuple[Stopped, dict[str, pd.DataFrame]]:
    """Seconds for all figures of the report, without its pictures; and its summary."""
    watch = Stopwatch()
    record = build_report(read_models([folder / "run"]), folder, options).record
    return watch.seconds(), {task: pd.DataFrame(part["summary"]) for task, part in record["tasks"].items()}


def loop_over_scores(folder: Path, repeats: int) -> tuple[Stopped, float]:
    """Seconds a bootstrap sample of the whole set, every site and every subgroup; and the area of the whole set."""
    index = pd.read_csv(folder / "index.csv", dtype=str)
    table = index.merge(pd.read_csv(folder / "run/predictions.csv"), on="image")
    table["label"] = table["tb_x"].astype(int)
    random = np.random.default_rng(0)
    area = ROCAUCMetric()
    area(torch.tensor(table["tb_score"].to_numpy())[:, None], torch.tensor(table["label"].to_numpy())[:, None])
    whole = float(area.aggregate())
    members = [images for *_, images in cohorts(table, ["sex", "age"])]
    watch = Stopwatch()
    for _ in range(repeats):
        for images in members:
            score, label = images["tb_score"].to_numpy(), images["label"].to_numpy()
            drawn = random.integers(len(images), size=len(images))
            for metric in (ROCAUCMetric(), AveragePrecisionMetric()):
                metric(torch.tensor(score[drawn])[:, None], torch.tensor(label[drawn])[:, None])
                metric.aggregate()
    return watch.seconds(), whole


def loop_over_masks(folder: Path, pairs: int) -> tuple[Stopped, pd.DataFrame]:
    """Seconds a pair, and the figures."""
    metrics: dict[str, Callable[..., torch.Tensor]] = {
        "dice": DiceMetric(ignore_empty=False),
        "iou": MeanIoU(ignore_empty=False),
        "hd95": HausdorffDistanceMetric(percentile=95),
        "assd": SurfaceDistanceMetric(symmetric=True),
        "surface_dice": SurfaceDiceMetric(class_thresholds=[TOLERANCE], include_background=True),
    }
    index = pd.read_csv(folder / "index.csv", dtype=str)
    rows = []
    watch = Stopwatch()
    for row in index.head(pairs).itertuples():
        files = (folder / f"run/{row.image[:-4]}_lungs.png", folder / row.lung_mask)
        masks = [torch.from_numpy(np.asarray(Image.open(file)) > 0)[None, None].float() for file in files]
        rows.append({name: float(metric(*masks)) for name, metric in metrics.items()} | {"image": row.image})
    return watch.seconds(), pd.DataFrame(rows)


def loop_over_lesions(folder: Path, images: int) -> Stopped:
    """Seconds for some images."""
    metrics = (DiceMetric(ignore_empty=False), MeanIoU(ignore_empty=False))
    index = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False)
    watch = Stopwatch()
    for row in index.head(images).itertuples():
        found = np.asarray(Image.open(folder / f"run/{row.image[:-4]}_tb.png")) > 0
        truth = fill_boxes([entry["xywh"] for entry in json.loads(row.boxes or "[]")], found.T.shape).T
        for metric in metrics:
            metric(*(torch.from_numpy(np.ascontiguousarray(mask))[None, None].float() for mask in (found, truth)))
    return watch.seconds()


def measure(args: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Lines of the table."""
    settings: dict[str, Any] = {"processes": args.processes, "repeats": args.repeats, "pictures": False, "cases": 0}
    options = ReportOptions(**settings, tolerance=TOLERANCE)
    if args.pairs:
        # Before all others, whose memory would hide that of the masks.
        write_masks(folder / "tenth", max(1, args.pairs // 10))
        ours(folder / "tenth", options)
        yield f"after {max(1, args.pairs // 10):,} pairs of masks: {_peaks()}"
        write_masks(folder / "masks", args.pairs)
        mine, _ = ours(folder / "masks", options)
        yield f"after {args.pairs:,} pairs of masks: {_peaks()}"
        loop, figures = loop_over_masks(folder / "masks", SAMPLED_PAIRS)
        sample = f"{len(figures)} pairs, without intervals"
        yield from _lines(f"{args.pairs:,} pairs of masks", mine, loop, args.pairs / len(figures), sample)
    if args.lesions:
        write_lesions(folder / "lesions", args.lesions)
        mine, _ = ours(folder / "lesions", options)
        sampled = min(args.lesions, 10 * SAMPLED_PAIRS)
        loop = loop_over_lesions(folder / "lesions", sampled)
        sample = f"{sampled} images, Dice and IoU only"
        yield from _lines(f"{args.lesions:,} lesion results", mine, loop, args.lesions / sampled, sample)
    if args.scores:
        write_scores(folder / "scores", args.scores)
        mine, found = ours(folder / "scores", options)
        loop, area = loop_over_scores(folder / "scores", SAMPLED_REPEATS)
        table = found["classification"]
        whole = table[(table["dataset"] == "all") & (table["subgroup"] == "") & (table["metric"] == "auc")]
        if abs(whole["estimate"].iloc[0] - area) > 1e-6:
            raise SystemExit("the two disagree on the area under the curve")
        groups = len(table.groupby(["dataset", "subgroup", "group"]))
        name = f"{args.scores:,} scores, {groups} groups, {args.repeats:,} repeats"
        yield from _lines(name, mine, loop, args.repeats / SAMPLED_REPEATS, f"{SAMPLED_REPEATS} repeats")
    yield f"at the end: {_peaks()}"


def _peaks() -> str:
    kinds = {"this process": resource.RUSAGE_SELF, "the largest of its workers": resource.RUSAGE_CHILDREN}
    peaks = [f"{name} {resource.getrusage(who).ru_maxrss / 2**20:.2f} GiB" for name, who in kinds.items()]
    return f"peak memory of {', of '.join(peaks)}"


def _lines(name: str, mine: Stopped, loop: Stopped, factor: float, sample: str) -> Iterator[str]:
    yield f"{name} (loop: from {sample})"
    for kind, own, other in zip(("clock", "processor"), mine, loop, strict=True):
        yield f"  {kind:<10} {own:8.1f} s   loop {other * factor:10.1f} s   ratio {other * factor / own:6.1f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scores", type=int, default=SCORES, help=f"rows with a score (default: {SCORES}; 0: none)")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"pairs of masks (default: {PAIRS}; 0: none)")
    parser.add_argument("--lesions", type=int, default=LESIONS, help=f"lesion results (default: {LESIONS}; 0: none)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"bootstrap repeats (default: {REPEATS})")
    parser.add_argument("--processes", type=int, default=min(2, default_processes()), help="workers (default: 2)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{args.processes} worker processes, everything read from files")
    with tempfile.TemporaryDirectory() as folder:
        for line in measure(args, Path(folder)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
