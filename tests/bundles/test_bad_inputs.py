"""Whatever is wrong with one file, it costs one clear line; what is wrong with the run stops it with one."""

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
import torch
from bundle_facts import Bundle, Outcome, broken_disk, command_line
from PIL import Image
from pydicom import uid
from two_lungs import BRIGHT, bright_network, picture, truth

from common.data.phantom_files import write_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of inputs with one good radiograph."""
    write_picture(tmp_path / "in" / "good.png", picture(truth()))
    return tmp_path / "in"


@pytest.fixture
def command(lung_seg: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Function that runs a command line on a configuration of lung_seg; options with a value None are left out."""

    def run(*names: str, **options: Any) -> Outcome:
        files = lung_seg.files(*names)
        given = {"bundle_root": lung_seg.root, "config_file": str(files), "output_dir": tmp_path / "out", **options}
        arguments = [text for name, value in given.items() if value is not None for text in (f"--{name}", str(value))]
        return command_line(capsys, "run", *arguments)

    return run


@pytest.fixture
def infer(command: Callable[..., Outcome], tmp_path: Path) -> Callable[..., Outcome]:
    """Function that infers ``tmp_path/in`` with the known network on the command line."""

    def run(*overlays: str, **options: Any) -> Outcome:
        defaults = {"dataset_dir": tmp_path / "in", "num_workers": 0, **bright_network(tmp_path)}
        return command("inference", *overlays, **{**defaults, **options})

    return run


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
    infer: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    expected = spoil(folder)
    narrow = np.where(truth(), 30_020, 30_000).astype(np.uint16)
    write_picture(folder / "narrow.png", narrow)
    result = infer(batch_size=3)
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
        assert not list((tmp_path / "out").glob(f"{Path(name).stem}_*{Path(name).suffix[1:]}*"))
    for name in ("good", "narrow"):
        assert rows.loc[f"{name}.png", "status"] == "ok"
        with Image.open(tmp_path / "out" / f"{name}_lungs.png") as mask:
            assert np.array_equal(np.asarray(mask) > 0, truth()), name
    assert len(list((tmp_path / "out").glob("*.png"))) == 2


def test_a_folder_of_nothing_but_bad_files_still_gives_its_table(
    infer: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    (folder / "good.png").write_bytes(b"")
    result = infer()
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
    infer: Callable[..., Outcome], folder: Path, close: Callable[[Path], None]
) -> None:
    write_picture(folder / "closed.png", picture(truth()))
    close(folder / "closed.png")
    result = infer()
    assert result.status == 3
    assert "refused: closed.png: no permission to read this file" in result.out
    assert "1 done, 1 refused, 0 failed" in result.out
    (folder / "below").mkdir()
    close(folder / "below")
    result = infer()
    assert (result.status, result.error) == (1, f"error: {folder}/below: no permission to read this folder")


def test_a_full_disk_leaves_the_mask_that_was_there(
    infer: Callable[..., Outcome], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert infer().status == 0
    mask = tmp_path / "out" / "good_lungs.png"
    before = mask.read_bytes()
    write_picture(folder / "more.png", picture(truth()[:, ::-1]))
    with broken_disk(monkeypatch):
        result = infer()
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
    infer: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    result = infer(output_dir=tmp_path / "file" / "out")
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
    infer: Callable[..., Outcome], folder: Path, tmp_path: Path, place: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    result = infer(dataset_dir=tmp_path / place)
    assert result.status == 1
    assert result.error.startswith(f"error: {message.format(tmp_path / place)}")
    assert "Traceback" not in result.err
    assert not (tmp_path / "out").exists()


def test_results_into_the_folder_of_the_radiographs_are_refused(
    infer: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    result = infer(output_dir=folder)
    assert result.status == 1
    assert result.error == f"error: {folder}: results must not lie among the radiographs; name another folder for them"
    assert [path.name for path in folder.iterdir()] == ["good.png"]


def test_missing_and_foreign_weights_are_one_line(infer: Callable[..., Outcome], folder: Path, tmp_path: Path) -> None:
    result = infer(weights=tmp_path / "absent.pt")
    assert result.status == 1
    assert result.error.startswith(f"error: {tmp_path}/absent.pt: no weights there. Train them with ")
    torch.save({"head.weight": torch.zeros(1)}, tmp_path / "foreign.pt")
    result = infer(weights=tmp_path / "foreign.pt")
    assert result.status == 1
    assert result.error == (
        f"error: {tmp_path}/foreign.pt: weights of another network than Conv2d: 2 tensors missing (first: bias), "
        "1 unknown tensors (first: head.weight)"
    )
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"treshold": 0.3}, "unknown option --treshold: no such id in .*; did you mean --threshold?"),
        ({"clean_up": "false"}, "write True or False: "),
        ({"threshold": 1.5}, ".*CleanLungMask.*threshold must lie between 0 and 1, got 1.5"),
        ({"mask_format": ".bmp"}, r"mask_format: one of .png, .nii, .nii.gz is needed, got .bmp"),
        ({"percentiles": "[99, 1]"}, r"percentiles: two rising numbers .* got \[99, 1\]"),
        ({"image_size": "[96, -160]"}, r"image_size: two whole numbers above 0 .* got \[96, -160\]"),
        ({"image_size": 256}, r"image_size: two whole numbers above 0 .* got 256"),
        ({"batch_size": 0}, ".*DataLoader.*batch_size should be a positive integer value"),
        ({"weights": "@wights"}, "the referring item `@wights` is not defined in the config content"),
        ({"weights": "$1 / 0"}, "ZeroDivisionError: division by zero"),
    ],
)
def test_an_unknown_option_or_a_wrong_value_is_one_line(
    infer: Callable[..., Outcome], folder: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    result = infer(**options)
    assert result.status == 1
    assert re.match(f"error: {message}", result.error), result.error
    assert "Traceback" not in result.err
    assert not list((tmp_path / "out").glob("*_lungs*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_sites": "['phantom_west']"}, "unknown site phantom_west; the index has phantom_east, phantom_north"),
        ({"train_splits": "['trian']"}, "no row with seg_split in trian; the chosen sites have test, train, val"),
        ({"split_column": "my_split"}, "no split column my_split; the index has "),
        ({"early_stop_patience": 0}, ".*patience must be at least 1 or null, got 0"),
        ({"site_balance": 2}, ".*power must lie in \\[0, 1\\], got 2"),
        ({"initial_weights": "nowhere.pt"}, "nowhere.pt: no weights there"),
        ({"encoder_weights": "nowhere.pt"}, "TinyUNet has no VGG encoder to load weights into"),
        ({"resume": True}, ".*last.pt: no checkpoint to resume from"),
        ({"image_size": "[100, 100]"}, "ValueError: TinyUNet: image sides must be multiples of 16, got 100 x 100"),
        ({"dataset_dir": "/nowhere"}, "/nowhere: no such folder"),
    ],
)
def test_a_wrong_value_for_training_is_one_line(
    command: Callable[..., Outcome], lung_seg: Bundle, phantoms: Path, options: dict[str, Any], message: str
) -> None:
    small = {"image_size": [32, 32], "use_tensorboard": False, "num_epochs": 1, "dataset_dir": phantoms}
    result = command("train", lung_seg.small_network, **{**small, **options})
    assert result.status == 1
    assert re.match(f"error: {message}", result.error), result.error
    assert "Traceback" not in result.err


def test_a_traceback_is_there_for_who_asks(
    infer: Callable[..., Outcome], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_TRACEBACK", "1")
    result = infer(weights=tmp_path / "absent.pt")
    assert result.status == 1
    assert "Traceback" in result.err
    assert "WeightsError" in result.err


def test_the_command_line_takes_a_network_as_text(infer: Callable[..., Outcome], folder: Path, tmp_path: Path) -> None:
    result = infer(network_def=str(BRIGHT))
    assert (result.status, result.err.count("error:")) == (0, 0)
    assert "1 done, 0 refused, 0 failed" in result.out
    assert (tmp_path / "out" / "good_lungs.png").is_file()
