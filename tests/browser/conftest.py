"""A report made of phantoms and made-up scores, and a real browser that opens it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, shift

from common.data import read_index, write_phantom_dataset
from common.data.index_writer import write_index
from common.evaluation.report import ReportOptions, build_report, parse_target, read_models, write_report
from common.io.mask_file import read_union
from common.localization import Region, write_regions

#: Names under which Debian and others install it.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Radiographs drawn; the many others have scores only.
DRAWN = 12


@pytest.fixture(scope="session")
def report_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a report of two classifiers, two segmentations of the lungs and two of lesions at three sites."""
    root = tmp_path_factory.mktemp("report")
    data = root / "data"
    write_phantom_dataset(data, DRAWN, size=(128, 128))
    drawn = read_index(data).to_dict("records")
    random = np.random.default_rng(3)
    rows = [row | {"seg_split": "test", "cls_split": "test", "det_split": "test"} for row in drawn]
    rows += [_scored(row, number, random) for number in range(240) for row in (drawn[number % 3],)]
    table = pd.DataFrame(rows)
    write_index(data, table)
    shifts = ({"north": 0.0, "south": 0.6, "east": 1.8}, {"north": 0.0, "south": 0.0, "east": 0.4})
    classifiers = [
        _classify(root / name, table, gain, by_site, random)
        for name, gain, by_site in zip(("a", "b"), (1.9, 1.4), shifts, strict=True)
    ]
    networks = [_outline(root / name, data, rows[:DRAWN], error, random) for name, error in (("c", 0.8), ("d", 2.0))]
    outlines = [_find_lesions(root / name, rows[:DRAWN], error, random) for name, error in (("e", 2.0), ("f", 6.0))]
    models = read_models(
        [*classifiers, *networks, *outlines],
        ["net A", "net B", "U-Net A", "U-Net B", "lesions A", "lesions B"],
        [*("phantom_north+phantom_south", "phantom_north", "phantom_north+phantom_south", "phantom_east"), "-", "-"],
    )
    options = ReportOptions(
        title="TB on chest radiographs: phantoms",
        splits={"": ["test"]},
        targets=[parse_target(text) for text in ("auc=0.9", "dice=0.9", "false_positive_share=0.02")],
        cases=1,
        repeats=200,
    )
    write_report(build_report(models, data, options), root / "out")
    return root / "out"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, headless; the test is skipped where it or Playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        # Chromium's sandbox needs rights that containers lack; the page is one of our own.
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def _scored(like: dict[str, str], number: int, random: np.random.Generator) -> dict[str, str]:
    """A row of the index without a radiograph."""
    patient = f"scored_{number:03d}"
    row = dict.fromkeys(like, "") | {"dataset": like["dataset"], "image": f"{like['dataset']}/images/{patient}.png"}
    age = "" if number % 17 == 0 else str(int(random.integers(10, 85)))
    row |= {"patient_id": patient, "sex": str(random.choice(["F", "M"])), "age": age}
    return row | {"tb": str(int(random.random() < 0.45)), "cls_split": "test"}


def _classify(
    folder: Path, index: pd.DataFrame, gain: float, shifts: dict[str, float], random: np.random.Generator
) -> Path:
    """Scores with known errors; some images of a site lack one, one is of an unknown image."""
    side = 2 * index["tb"].astype(int) - 1
    moved = index["dataset"].str.removeprefix("phantom_").map(shifts)
    score = gain * side + 1.6 * random.normal(size=len(index)) + moved
    probability = 1 / (1 + np.exp(-score))
    table = pd.DataFrame({"image": index["image"], "status": "ok", "reason": "", "flags": "", "tb_score": score})
    table = table.assign(tb_probability=probability, tb=(probability >= 0.4).astype(int)).iloc[: 2 - len(index) % 2 - 4]
    table = pd.concat([table, table.iloc[:1].assign(image="elsewhere/x.png")])
    folder.mkdir()
    table.to_csv(folder / "predictions.csv", index=False)
    record = {"bundle": "tb_cls", "version": "0.1.0", "complete": True, "weights_sha256": folder.name * 64}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def _outline(folder: Path, data: Path, rows: list[dict[str, str]], error: float, random: np.random.Generator) -> Path:
    """Lung masks that lie beside the true ones."""
    for row in rows:
        names = [row[name] for name in ("lung_mask", "left_lung_mask", "right_lung_mask") if row[name]]
        truth = read_union([data / name for name in names]).astype(float)
        moved = shift(truth, random.normal(size=2) * error * 1.5, order=1)
        mask = gaussian_filter(moved, 2) > 0.5 + 0.05 * error * random.normal()
        path = folder / Path(row["image"]).parent / f"{Path(row['image']).stem}_lungs.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    record = {"bundle": "lung_seg", "version": "0.2.0", "complete": True, "weights_sha256": folder.name * 64}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def _find_lesions(folder: Path, rows: list[dict[str, str]], error: float, random: np.random.Generator) -> Path:
    """Lesions that lie beside the true ones, some of them missed; and one on every third normal film."""
    regions: dict[str, list[Region]] = {}
    for number, row in enumerate(rows):
        boxes = [entry["xywh"] for entry in json.loads(row["boxes"] or "[]") if random.random() < 0.85]
        boxes += [[20, 20, 14, 12]] * (row["tb"] == "0" and number % 3 == 0)
        mask = np.zeros((128, 128), dtype=np.uint8)
        found = []
        for x, y, w, h in boxes:
            left, top = (int(np.clip(edge + error * random.normal(), 0, 100)) for edge in (x, y))
            found.append(Region((left, top, max(int(w), 4), max(int(h), 4)), float(random.uniform(0.5, 0.95))))
            mask[top : top + max(int(h), 4), left : left + max(int(w), 4)] = 255
        regions[row["image"]] = [Region(_inside(each.box), each.score) for each in found]
        path = folder / Path(row["image"]).parent / f"{Path(row['image']).stem}_tb.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
    write_regions(folder / "lesions.json", regions)
    record = {"bundle": "tb_seg", "version": "0.1.0", "complete": True, "weights_sha256": folder.name * 64}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def _inside(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The part of a box within the film."""
    x, y, w, h = box
    return x, y, min(w, 128 - x), min(h, 128 - y)
