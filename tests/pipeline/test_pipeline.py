"""The pipeline against the three bundles run in turn."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pipeline_runs import BAD, GOOD, contents, pipeline, table

from common.localization import FindLesionsd
from common.pipeline import PARTS
from common.transforms import CropToLungsd


def test_results_are_those_of_the_bundles_to_the_bit_and_every_file_is_read_once(
    infer: Callable[..., int], in_turn: Path, tmp_path: Path, read: Counter[str], searched: Counter[str]
) -> None:
    assert infer() == 3
    assert read == {Path(name).name: 1 for name in (*GOOD, *BAD)}
    assert searched == {Path(name).name: 1 for name in GOOD}
    expected, found = contents(in_turn), contents(tmp_path / "out")
    assert set(found) - set(expected) == {"predictions.csv", "run.json"}
    for name, content in expected.items():
        assert found[name] == content, name
    # The comparison has something to compare: masks of both kinds that are neither empty nor full.
    for name in ("lung_seg/a_lungs.png", "tb_seg/a_tb.png"):
        assert 0.01 < (np.asarray(Image.open(tmp_path / "out" / name)) > 0).mean() < 0.99

    joint, parts = table(tmp_path / "out"), {name: table(tmp_path / "out" / name) for name in PARTS}
    assert list(joint.index) == sorted([*GOOD, *BAD])
    for name, rows in parts.items():
        own = [column for column in rows.columns if column not in ("status", "reason", "flags")]
        assert not joint[own].compare(rows[own]).size, name
    assert len(set(joint.columns)) == len(joint.columns)
    assert (joint.loc[list(GOOD), "status"] == "ok").all()
    assert (joint.loc[list(GOOD), "missing"] == "").all()
    for name in BAD:
        row = joint.loc[name]
        assert (row["status"], row["missing"]) == ("refused", "lung_seg tb_cls tb_seg")
        assert row["reason"] == parts["lung_seg"].loc[name, "reason"]

    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (record["complete"], record["runtime"], record["parts"]) == (True, "torch", list(PARTS))
    assert record["counts"] == {"ok": 3, "refused": 2, "failed": 0}
    assert record["shared_steps"][0] == {"parts": list(PARTS), "steps": ["LoadImaged", "EnsureChannelFirstd"]}
    assert record["shared_steps"][1] == {"parts": ["tb_cls", "tb_seg"], "steps": ["FindLungsd", "CropToLungsd"]}


def test_a_resumed_run_does_only_what_is_missing(
    infer: Callable[..., int], in_turn: Path, tmp_path: Path, read: Counter[str], searched: Counter[str]
) -> None:
    output = tmp_path / "out"
    assert infer("--only", "lung_seg") == 3
    joint = table(output)
    assert "tb_probability" not in joint.columns
    assert joint.loc["empty.png", "missing"] == "lung_seg"
    assert sum(searched.values()) == 0
    written = (output / "lung_seg" / "a_lungs.png").stat().st_mtime_ns

    assert infer("--resume") == 3  # the other parts
    assert (output / "lung_seg" / "a_lungs.png").stat().st_mtime_ns == written
    whole = {name: content for name, content in contents(output).items() if "/" in name}
    assert whole == contents(in_turn)

    (output / "tb_seg" / "a_tb.png").unlink()
    read.clear(), searched.clear()
    assert infer("--resume") == 3
    assert read == dict.fromkeys(("a.png", *BAD), 1)  # a refused file may have been mended
    assert searched == {"a.png": 1}
    assert (output / "lung_seg" / "a_lungs.png").stat().st_mtime_ns == written
    assert set(contents(output)) >= set(whole)
    assert not table(output).loc[list(GOOD)].replace("", np.nan)["lesions"].isna().any()


def test_a_run_with_nothing_left_to_do(bundles: Path, films: Path, tmp_path: Path, read: Counter[str]) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(films / "a.png", tmp_path / "in")
    assert pipeline(bundles, tmp_path / "in", tmp_path / "out", "--only", "tb_cls") == 0
    before = contents(tmp_path / "out")
    assert pipeline(bundles, tmp_path / "in", tmp_path / "out", "--only", "tb_cls", "--resume") == 0
    assert read == {"a.png": 1}
    assert contents(tmp_path / "out") == before


def test_what_fails_in_one_part_leaves_the_others(
    infer: Callable[..., int], in_turn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    find, crop = FindLesionsd.__call__, CropToLungsd.__call__

    def fail_to_find(self: Any, data: Any) -> Any:
        if data["image"].meta["filename_or_obj"].endswith("a.png"):
            raise OSError(28, "No space left on device")
        return find(self, data)

    def fail_to_crop(self: Any, data: Any, lazy: Any = None) -> Any:
        if data["image"].meta["filename_or_obj"].endswith("b.dcm"):
            raise ValueError("no crop")
        return crop(self, data, lazy)

    with monkeypatch.context() as patch:
        patch.setattr(FindLesionsd, "__call__", fail_to_find)
        patch.setattr(CropToLungsd, "__call__", fail_to_crop)
        assert infer() == 3
    joint = table(tmp_path / "out")
    assert tuple(joint.loc["a.png", ["status", "missing"]]) == ("failed", "tb_seg")
    assert joint.loc["a.png", "reason"] == "tb_seg: OSError: [Errno 28] No space left on device"
    assert joint.loc["a.png", "tb_probability"] != ""
    assert tuple(joint.loc["deep/b.dcm", ["status", "missing"]]) == ("failed", "tb_cls tb_seg")
    assert joint.loc["deep/b.dcm", "reason"] == "tb_cls: ValueError: no crop; tb_seg: ValueError: no crop"
    assert joint.loc["c.nii.gz", "status"] == "ok"
    assert "1 done, 2 refused, 2 failed" in capsys.readouterr().out
    for name in GOOD:
        assert joint.loc[name, "lung_area_fraction"] == table(in_turn / "lung_seg").loc[name, "lung_area_fraction"]

    assert infer("--resume") == 3  # mends it
    assert (table(tmp_path / "out").loc[list(GOOD), "status"] == "ok").all()


def test_an_error_of_a_network_ends_the_run_and_says_what_was_done(
    infer: Callable[..., int], tmp_path: Path, capsys: Any
) -> None:
    # The lesion network halves an image five times; the check of the settings lets multiples of 16 pass.
    assert infer("--set", "tb_seg.inferer=$lambda *a: 1 / 0", "--only", "tb_seg") == 1
    assert "division by zero" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "run.json").read_text())["complete"] is False


def test_overlays(infer: Callable[..., int], tmp_path: Path) -> None:
    assert infer("--write_overlays") == 3
    for part in ("lung_seg", "tb_seg"):
        with Image.open(tmp_path / "out" / part / "a_overlay.png") as picture:
            assert picture.mode == "RGB"
