"""The experiment from its command: simulator, each site alone, pooled, choice of rounds, predictions, tables."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from common.federated.__main__ import main

ARMS = ("federated", "alone_north", "alone_south", "pooled")


def arguments(bundles: Path, films: Path, output_dir: Path, *more: str) -> list[str]:
    words = ["compare", str(bundles / "lung_seg"), "--overlay", "configs/networks/tiny_unet.yaml", "--initial", "none"]
    words += ["--set", "image_size=[32,32]", "--set", "batch_size=2", "--set", "amp=False"]
    words += ["--rounds", "2", "--epoch_steps", "3", "--sites", "north", "south", "--seeds", "4", "--resume"]
    return [*words, "--dataset_dir", str(films), "--output_dir", str(output_dir), *more]


def test_arms_are_trained_one_at_a_time_and_then_compared(
    bundles: Path, films: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    for arm in ARMS[:3]:
        assert main(arguments(bundles, films, folder, "--only", arm)) == 0
        assert "no table yet" in capfd.readouterr().out
    assert main(arguments(bundles, films, folder)) == 0
    shown = capfd.readouterr().out
    assert (folder / "comparison.md").read_text(encoding="utf-8").strip() in shown
    table = pd.read_csv(folder / "comparison.csv")
    assert sorted(zip(table["arm"], table["test_site"], strict=True)) == sorted(
        (arm, site) for arm in ARMS for site in ("north", "south")
    )
    assert set(table["images"]) == {2}
    runs = pd.read_csv(folder / "runs.csv").set_index("arm")
    # Every network has seen as many steps, whatever number of images it was trained on.
    assert set(runs["steps"]) == {6}
    trained = {"federated": {"north": 3, "south": 3}, "alone_north": 3, "alone_south": 3, "pooled": 6}
    for arm, images in trained.items():
        run = folder / f"{arm}_seed_4"
        record = json.loads((run / "federation.json").read_text(encoding="utf-8"))
        assert [entry["images"] for entry in record["rounds"]] == [images] * 2, arm
        choice = json.loads((run / "choice.json").read_text(encoding="utf-8"))
        assert sorted(choice["rounds"]) == ["0", "1"]
        sites = {"north", "south"} if arm in ("federated", "pooled") else {arm.removeprefix("alone_")}
        assert all(set(values) == sites for values in choice["rounds"].values())
        assert list(run.glob("rounds/*.pt")) == []
    predicted = {file: file.stat().st_mtime_ns for file in folder.rglob("weights.sha256")}
    assert len(predicted) == 4
    assert main(arguments(bundles, films, folder)) == 0
    assert {file: file.stat().st_mtime_ns for file in predicted} == predicted
