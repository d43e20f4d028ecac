"""Whatever is wrong with one file or folder, it costs one clear line and leaves the rest done."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
from bundle_facts import Outcome, broken_disk
from PIL import Image
from pydicom import uid
from two_lungs import picture, truth

from common.data.phantom_files import write_picture


def dicom(path: Path, change: Callable[[pydicom.Dataset], None]) -> None:
    """A DICOM radiograph with a change."""
    write_picture(path, picture(truth(), np.uint16))
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path, enforce_file_format=True)


def of_ct(dataset: pydicom.Dataset) -> None:
    dataset.Modality = "CT"
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = uid.CTImageStorage


def of_two_frames(dataset: pydicom.Dataset) -> None:
    dataset.NumberOfFrames = 2
    dataset.PixelData = dataset.PixelData * 2


def lateral(dataset: pydicom.Dataset) -> None:
    dataset.ViewPosition = "LL"


def without_pixels(dataset: pydicom.Dataset) -> None:
    del dataset.PixelData


def half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def spoil(folder: Path) -> dict[str, str]:
    """Put one file of every kind that cannot be used into a folder: name -> a part of the reason to be given."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (160, 96), dtype=np.uint8)
    dicom(folder / "ct.dcm", of_ct)
    dicom(folder / "frames.dcm", of_two_frames)
    dicom(folder / "lateral.dcm", lateral)
    dicom(folder / "no_pixels.dcm", without_pixels)
    write_picture(folder / "half.dcm", noise.astype(np.uint16))
    half(folder / "half.dcm")
    write_picture(folder / "half.png", noise)
    half(folder / "half.png")
    write_picture(folder / "half.jpg", noise)
    half(folder / "half.jpg")
    Image.fromarray(rng.integers(0, 256, (160, 96, 3), dtype=np.uint8)).save(folder / "colour.png")
    Image.fromarray(np.array([[7]], dtype=np.uint8)).save(folder / "one.png")
    Image.fromarray(np.full((160, 96), 99, dtype=np.uint8)).save(folder / "constant.png")
    (folder / "text.png").write_text("no picture")
    (folder / "empty.dcm").write_bytes(b"")
    return {
        "ct.dcm": "CT",
        "frames.dcm": "frames",
        "lateral.dcm": "lateral",
        "no_pixels.dcm": "pixel",
        "half.dcm": "truncated",
        "half.png": "truncated",
        "half.jpg": "truncated",
        "colour.png": "colour",
        "one.png": "1 x 1 pixels",
        "constant.png": "constant",
        "text.png": "not an image",
        "empty.dcm": "empty file",
    }


def test_each_unusable_file_costs_one_line_and_the_others_are_done(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    expected = spoil(folder)
    narrow = np.where(truth(), 30_020, 30_000).astype(np.uint16)
    write_picture(folder / "narrow.png", narrow)
    result = infer_command(batch_size=3)
    assert result.status == 3
    assert "Traceback" not in result.out + result.err
    lines = [line for line in result.out.splitlines() if re.match(r"(refused|failed): ", line)]
    assert sorted(line.split(": ")[1] for line in lines) == sorted(expected)
    assert not [line for line in lines if line.startswith("failed")]
    assert f"2 done, {len(expected)} refused, 0 failed" in result.out
    rows = pd.read_csv(tmp_path / "out" / "predictions.csv", keep_default_na=False).set_index("image")
    assert sorted(rows.index) == sorted([*expected, "good.png", "narrow.png"])
    for name, part in expected.items():
        reason = rows.loc[name, "reason"]
        assert part in reason, (name, reason)
        assert f"refused: {name}: {reason}" in lines
        assert not list((tmp_path / "out").glob(f"{Path(name).stem}*"))
    for name in ("good", "narrow"):
        assert rows.loc[f"{name}.png", "status"] == "ok"
        with Image.open(tmp_path / "out" / f"{name}_lungs.png") as mask:
            assert np.array_equal(np.asarray(mask) > 0, truth()), name
    assert len(list((tmp_path / "out").glob("*.png"))) == 2


def test_a_folder_of_nothing_but_bad_files_still_gives_its_table(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    (folder / "good.png").write_bytes(b"")
    result = infer_command()
    assert result.status == 3
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert record["complete"] is True
    assert record["counts"] == {"ok": 0, "refused": 1, "failed": 0}


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Function that takes the permission to read a file or folder away, from the superuser too."""

    def take_away(closed: Path) -> None:
        if os.geteuid():
            closed.chmod(0)
            return

        def deny(original: Callable[..., Any]) -> Callable[..., Any]:
            def guarded(path: Any, *arguments: Any, **options: Any) -> Any:
                if Path(path) == closed:
                    raise PermissionError(13, "Permission denied", str(path))
                return original(path, *arguments, **options)

            return guarded

        monkeypatch.setattr(Path, "open", deny(Path.open))
        monkeypatch.setattr(os, "scandir", deny(os.scandir))

    return take_away


def test_a_file_and_a_folder_without_permission(
    infer_command: Callable[..., Outcome], folder: Path, close: Callable[[Path], None]
) -> None:
    write_picture(folder / "closed.png", picture(truth()))
    close(folder / "closed.png")
    result = infer_command()
    assert result.status == 3
    assert "refused: closed.png: no permission to read this file" in result.out
    assert "1 done, 1 refused, 0 failed" in result.out
    (folder / "below").mkdir()
    close(folder / "below")
    result = infer_command()
    assert (result.status, result.error) == (1, f"error: {folder}/below: no permission to read this folder")


def test_a_full_disk_leaves_the_mask_that_was_there(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert infer_command().status == 0
    mask = tmp_path / "out" / "good_lungs.png"
    before = mask.read_bytes()
    write_picture(folder / "more.png", picture(truth()[:, ::-1]))
    with broken_disk(monkeypatch):
        result = infer_command()
    assert result.status == 3
    assert "\nfailed: good.png: OSError: [Errno 28] No space left on device" in result.out
    assert "\nfailed: more.png: OSError: [Errno 28] No space left on device" in result.out
    assert "Traceback" not in result.out + result.err
    assert mask.read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "good_lungs.png",
        "predictions.csv",
        "run.json",
    ]


def test_an_output_folder_that_cannot_be_made_is_one_line(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    result = infer_command(output_dir=tmp_path / "file" / "out")
    assert result.status == 1
    assert result.error == f"error: {tmp_path}/file/out: Not a directory"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "{}: no such folder"),
        ("empty", "{}: no radiographs found (DICOM, or a name in .png"),
        ("in/good.png", "{}: a file; a folder with radiographs is needed"),
    ],
)
def test_a_folder_without_radiographs_is_one_line(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path, place: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    result = infer_command(dataset_dir=tmp_path / place)
    assert result.status == 1
    assert result.error.startswith(f"error: {message.format(tmp_path / place)}")
    assert "Traceback" not in result.err
    assert not (tmp_path / "out").exists()


def test_results_into_the_folder_of_the_radiographs_are_refused(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    result = infer_command(output_dir=folder)
    assert result.status == 1
    assert result.error == f"error: {folder}: results must not lie among the radiographs; name another folder for them"
    assert [path.name for path in folder.iterdir()] == ["good.png"]
