from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from common.data import commands, read_index
from common.data.__main__ import main
from common.data.fetch import DownloadError


def test_check_reports_by_table_and_status(
    data_folder: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = data_folder([{}, {}], "good"), data_folder([{}, {"tb": "7"}], "bad")

    assert main(["check", str(good), "--processes", "1"]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    assert main(["check", str(bad), "--processes", "1", "--csv", str(tmp_path / "out" / "f.csv")]) == 3
    assert "tb is '7'" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "out" / "f.csv")["kind"].tolist() == ["label"]
    assert main(["check", str(tmp_path / "nowhere")]) == 1
    assert "no such folder" in capsys.readouterr().err


def test_warnings_alone_are_no_failure(data_folder: Callable) -> None:
    assert main(["check", str(data_folder([{"age": "0"}])), "--processes", "1"]) == 0


def test_split_writes_one_column_and_keeps_the_rest(data_folder: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    root = data_folder([{"patient_id": str(n // 2)} for n in range(20)])
    short = read_index(root)[["dataset", "image", "patient_id"]].assign(ward="3")
    short.to_csv(root / "index.csv", index=False)

    assert main(["split", str(root), "--fractions", "0.5", "0.2", "0.3"]) == 0

    table = pd.read_csv(root / "index.csv", dtype=str)
    assert table.columns.tolist() == ["dataset", "image", "patient_id", "seg_split", "ward"]
    assert table["seg_split"].value_counts().to_dict() == {"train": 10, "val": 4, "test": 6}
    assert (table.groupby("patient_id")["seg_split"].nunique() == 1).all()
    assert main(["split", str(root)]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert main(["split", str(root), "--folds", "5", "--overwrite"]) == 0
    assert read_index(root)["seg_split"].value_counts().to_dict() == {str(fold): 4 for fold in range(5)}
    assert main(["split", str(root), "--fractions", "0.5", "0.5", "--overwrite"]) == 1
    assert "3 names for 2 fractions" in capsys.readouterr().err


def test_prepare_lists_what_is_missing(
    tmp_path: Path, film: Callable, save: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "source" / "CXR_png" / "CHNCXR_0001_0.png", film(0))
    (tmp_path / "source" / "CXR_png" / "CHNCXR_0002_0.png").write_text("no picture")
    arguments = ["prepare", "shenzhen", str(tmp_path / "source"), str(tmp_path / "data"), "--processes", "1"]

    assert main(arguments) == 3

    text = capsys.readouterr().out
    assert "shenzhen: 1 images, 0 with lung masks" in text
    assert "without a lung mask (2):" in text
    assert "failed (1):\n  CHNCXR_0002_0.png: CXR_png/CHNCXR_0002_0.png: not an image" in text
    assert main(arguments) == 1


def test_describe_says_where_to_look(data_folder: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = data_folder([{}, {}])

    assert main(["describe", str(root), "--output", str(tmp_path / "out"), "--processes", "1", "--montage", "2"]) == 0
    assert str(tmp_path / "out" / "index.html") in capsys.readouterr().out


def test_the_module_runs_from_another_folder(data_folder: Callable, tmp_path: Path) -> None:
    root = data_folder([{}, {"tb": "7"}])

    done = subprocess.run(
        [sys.executable, "-m", "common.data", "check", root.name],
        cwd=root.parent,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )

    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.splitlines()[0] == "error: label (1)"


def test_the_steps_by_hand_are_given_even_where_the_download_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(name: str, target: str) -> list[str]:
        raise DownloadError("https://host/masks.zip: no answer")

    monkeypatch.setattr(commands, "download", unreachable)
    assert main(["download", "jsrt", str(tmp_path / "raw")]) == 3
    printed = capsys.readouterr()
    assert printed.err.startswith("error: https://host/masks.zip: no answer\n")
    assert "1. The radiographs need a registration." in printed.out
    assert f"3. Unpack both into {tmp_path / 'raw'}," in printed.out
