"""The command line from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from made_up_masks import MadeUp

from common.evaluation.__main__ import main


def _lungs(made_up: MadeUp, output: Path, *options: str) -> int:
    folders = ["--predictions", str(made_up.predictions), "--dataset_dir", str(made_up.data), "--output", str(output)]
    return main(["lungs", *folders, "--repeats", "20", *options])


def test_lungs_writes_everything(made_up: MadeUp, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--sites", "north", "south", "--splits", "test", "--spacing", "south=0.7", "--tolerance", "1"]
    assert _lungs(made_up, tmp_path / "run", *options, "--cases", "1") == 0
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "cases",
        "distribution.png",
        "per_image.csv",
        "summary.csv",
        "summary.json",
        "summary.md",
    ]
    assert len(list((tmp_path / "run/cases").iterdir())) == 6
    table = pd.read_csv(tmp_path / "run/per_image.csv", dtype={"patient_id": str})
    assert table["image"].tolist() == [f"{site}/images/case {n}.png" for site in ("north", "south") for n in range(3)]
    assert table["hd"].tolist() == pytest.approx([0, 0.5, 1, 0, 0.7, 1.4])
    summary = pd.read_csv(tmp_path / "run/summary.csv", keep_default_na=False)
    assert set(summary["metric"]) == {"dice", "iou", "miou", "hd95", "hd", "assd", "surface_dice"}
    record = json.loads((tmp_path / "run/summary.json").read_text())
    assert record["settings"]["spacing"] == {"south": [0.7, 0.7]}
    assert record["settings"]["splits"] == ["test"]
    printed = capsys.readouterr()
    assert (tmp_path / "run/summary.md").read_text() in printed.out
    assert printed.err == ""


def test_lungs_lists_what_was_not_compared(made_up: MadeUp, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (made_up.predictions / "south/images/case 1_lungs.png").unlink()
    (made_up.predictions / "south/images/extra_lungs.png").write_bytes(b"")
    assert _lungs(made_up, tmp_path / "run", "--cases", "0") == 3
    printed = capsys.readouterr().err
    assert "missing (final): south/images/case 1.png: " in printed
    assert "1 predicted masks belong to no image of the index, south/images/extra_lungs.png first" in printed
    assert not (tmp_path / "run/cases").exists()


def test_compare_prints_and_writes(made_up: MadeUp, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _lungs(made_up, tmp_path / "run", "--cases", "0")
    capsys.readouterr()
    runs = [f"first={tmp_path / 'run'}", str(tmp_path / "run")]
    assert main(["compare", *runs, "--output", str(tmp_path / "out"), "--repeats", "20"]) == 0
    assert (tmp_path / "out/comparison.md").read_text() in capsys.readouterr().out
    paired = pd.read_csv(tmp_path / "out/paired.csv")
    assert set(zip(paired["baseline"], paired["run"], strict=True)) == {("first", "run")}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "comparison.md",
        "figures.csv",
        "paired.csv",
        "unpaired.csv",
    ]


def test_compare_of_different_images_is_not_complete(
    made_up: MadeUp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _lungs(made_up, tmp_path / "a", "--cases", "0")
    _lungs(made_up, tmp_path / "b", "--cases", "0", "--sites", "south")
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--repeats", "20"]) == 3
    assert "3 images are missing in a run; first north/images/case 0.png in b" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lungs", "--predictions", "{}/none", "--dataset_dir", "{}/data", "--output", "{}/o"], "no such folder of"),
        (["lungs", "--predictions", "{}", "--dataset_dir", "{}/none", "--output", "{}/o"], "none: no such folder"),
        (["compare", "{}/none"], "per_image.csv: not found"),
        (["compare", "x={}/none", "x={}/none"], "two runs are called x; name them apart"),
    ],
)
def test_what_cannot_start_ends_in_one_line(
    made_up: MadeUp, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main([argument.format(tmp_path) for argument in arguments]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err


def test_runs_of_one_name_are_refused(made_up: MadeUp, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _lungs(made_up, tmp_path / "run", "--cases", "0")
    assert main(["compare", str(tmp_path / "run"), str(tmp_path / "run")]) == 1
    assert "two runs are called run; name them apart: NAME=FOLDER" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--cases", "-1"], ["--repeats", "0"], ["--tolerance", "far"]])
def test_wrong_options_are_explained(made_up: MadeUp, tmp_path: Path, options: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        _lungs(made_up, tmp_path / "run", *options)
    assert stopped.value.code == 2


def test_the_module_runs_from_another_folder(made_up: MadeUp, tmp_path: Path) -> None:
    folders = ["--predictions", "predictions", "--dataset_dir", "data", "--output", "run"]
    command = [sys.executable, "-m", "common.evaluation", "lungs", *folders, "--repeats", "20", "--cases", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "| south | as delivered | 4 |" in done.stdout
