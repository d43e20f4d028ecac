"""The benchmarks of the lesion bundle and of the pipeline: what they print is what they say."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
Load = Callable[[str], ModuleType]


@pytest.fixture
def load() -> Iterator[Load]:
    """Function that imports one of the benchmarks, which are no part of the package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY))
        yield lambda name: importlib.import_module(f"benchmarks.{name}")


def test_the_sparse_walk_takes_memory_in_proportion_to_the_pixels(
    load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["random_walk", "--side", "14", "--repeats", "1", "--memory", "32,64,96"]
    monkeypatch.setattr("sys.argv", arguments)
    load("random_walk").main()
    said = capsys.readouterr().out
    found = re.search(r"largest difference .*: (\S+)$", said, re.MULTILINE)
    assert found is not None
    assert float(found[1]) < 1e-9
    bytes_a_pixel = [int(text) for text in re.findall(r"(\d+) bytes a pixel", said)]
    assert len(bytes_a_pixel) == 3
    # The matrix of all pairs would take nine times as much a pixel at the largest side as at the smallest.
    assert max(bytes_a_pixel) < 1.25 * min(bytes_a_pixel)


def test_an_engine_agrees_with_itself(
    load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    crf = load("dense_crf")
    image, maps = crf.case(0, 64)
    assert image.dtype == np.uint8
    assert maps.shape == (1, 64, 64)
    assert maps.max() == 1
    monkeypatch.setattr(crf, "ENGINES", ("grid", "grid"))
    monkeypatch.setattr("sys.argv", ["dense_crf", "--images", "2", "--side", "64"])
    crf.main()
    said = capsys.readouterr().out
    assert "same seed: 100.00 % of pixels on average, 100.00 % at least" in said
    assert "Dice of the foreground seeds: 1.000 on average, 1.000 at least" in said


def test_networks_are_counted_and_timed(
    load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    networks = load("networks")
    monkeypatch.setattr(networks, "networks", lambda bundle: {bundle: torch.nn.Conv2d(1, 2, 3)})
    monkeypatch.setattr(networks, "through", lambda inferer, network: network)
    monkeypatch.setattr(networks, "OpenVINOInferer", lambda precision: None)
    monkeypatch.setattr(networks.time, "process_time", iter(range(100)).__next__)
    monkeypatch.setattr("sys.argv", ["networks", "--bundle", "tb_seg", "--repeats", "2", "--processor_time"])
    networks.main()
    assert capsys.readouterr().out.splitlines()[-1] == "| tb_seg | 20 | 1000 | 1000 | 1000 |"


def test_seconds_an_image_are_those_without_the_start(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    speed = load("pipeline_speed")
    times = {
        speed.IN_TURN: {"one": speed.Seconds(12, 10), "all": speed.Seconds(32, 20)},
        "torch": {"one": speed.Seconds(6, 8), "all": speed.Seconds(10, 12)},
    }
    ways = speed.summary(times, count=11)
    first, pipeline = ways[speed.IN_TURN], ways["torch"]
    assert (first["wall_per_image"], pipeline["wall_per_image"]) == (2.0, 0.4)
    assert (pipeline["wall_all_ratio"], pipeline["wall_per_image_ratio"]) == pytest.approx((3.2, 5.0))
    assert (pipeline["processor_start_ratio"], pipeline["processor_per_image_ratio"]) == pytest.approx((1.25, 2.5))
    assert all(first[name] == 1 for name in first if name.endswith("_ratio"))

    first_run = speed.Seconds(30.0, 28.0)._asdict()
    speed.report({"images": 11, "ways": ways, "first_openvino_run": first_run, "differences": {}})
    said = capsys.readouterr().out
    assert re.search(r"^torch +6\.0 +2\.00x +10\.0 +3\.20x +400\.0 +5\.00x$", said, re.MULTILINE)
    assert "first run in OpenVINO, on one: 30.0 s, 28.0 s of processors" in said


def test_differences_of_two_runs(load: Load, tmp_path: Path) -> None:
    for run, rows, probabilities, decisions in (("a", 4, [0.2, 0.6], [0, 1]), ("b", 8, [0.25, 0.4], [0, 0])):
        for part, ending in (("lung_seg", "_lungs.png"), ("tb_seg", "_tb.png")):
            mask = np.zeros((10, 10), np.uint8)
            mask[: rows if part == "lung_seg" else 5] = 255
            (tmp_path / run / part).mkdir(parents=True)
            Image.fromarray(mask).save(tmp_path / run / part / f"film{ending}")
        (tmp_path / run / "tb_cls").mkdir()
        table = pd.DataFrame({"image": ["x", "y"], "tb_probability": probabilities, "tb": decisions})
        table.to_csv(tmp_path / run / "tb_cls" / "predictions.csv", index=False)
    found = load("pipeline_speed").differences(tmp_path / "a", tmp_path / "b", ["lung_seg", "tb_cls", "tb_seg"])
    assert found == pytest.approx(
        {
            "lung_seg least Dice": 2 * 40 / (40 + 80),
            "lung_seg mean Dice": 2 * 40 / (40 + 80),
            "tb_seg least Dice": 1.0,
            "tb_seg mean Dice": 1.0,
            "largest difference of TB probabilities": 0.2,
            "changed TB decisions": 1.0,
        }
    )
