"""lung_seg's inference: from a folder of files to masks in their geometry, tables and pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from bundle_facts import Bundle
from PIL import Image
from two_lungs import bright_weights, dice, picture, rows_of, table, truth, turned

from common.data.phantom_files import write_picture


def test_every_format_comes_back_pixel_for_pixel(infer: Callable[..., int], tmp_path: Path) -> None:
    mask = truth()
    assert max(dice(mask, other) for other in turned(mask).values()) < 0.7
    for name, dtype in (("a.png", np.uint8), ("b.jpg", np.uint8), ("c.tif", np.uint16), ("d.nii.gz", np.uint16)):
        write_picture(tmp_path / "in" / name, picture(mask, dtype))
    write_picture(tmp_path / "in" / "e.dcm", picture(mask, np.uint16), pixel=0.2)
    write_picture(tmp_path / "in" / "f.dcm", picture(mask, np.uint16), pixel=0.2, monochrome1=True)
    assert infer() == 0
    outputs = ["a", "b.jpg", "c.tif", "d.nii.gz", "e.dcm", "f.dcm"]
    for name in outputs:
        assert np.array_equal(rows_of(tmp_path / "out" / f"{name}_lungs.png"), mask), name
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(f"{name}_lungs.png" for name in outputs),
        "predictions.csv",
        "run.json",
    ]


@pytest.mark.parametrize("options", [{}, {"batch_size": 1}, {"amp": True}, {"num_workers": 2}])
def test_pictures_of_all_sizes_in_one_folder_come_back_in_their_own(
    infer: Callable[..., int], tmp_path: Path, options: dict[str, Any]
) -> None:
    sizes = {"wide.png": (100, 180), "tall.jpg": (320, 72), "large.dcm": (480, 504), "small.nii.gz": (80, 72)}
    for name, size in sizes.items():
        write_picture(tmp_path / "in" / name, picture(truth(*size)))
    assert infer(**options) == 0
    for name, size in sizes.items():
        found = rows_of(tmp_path / "out" / f"{name.removesuffix('.png')}_lungs.png")
        assert found.shape == size
        assert dice(found, truth(*size)) > 0.98, name
        for change, other in turned(truth(*size)).items():
            assert dice(found, other) < 0.75, (name, change)


def test_borders_cropped_for_the_network_are_back_in_the_mask(infer: Callable[..., int], tmp_path: Path) -> None:
    mask = np.zeros((220, 150), dtype=bool)
    image = np.zeros(mask.shape, dtype=np.uint8)
    mask[40:200, 24:120] = truth()
    image[40:200, 24:120] = picture(truth())
    # A film is never quite even where it was exposed.
    image[40:200:2, 24:120] += 9
    image[40:200, 24:120:2] += 9
    write_picture(tmp_path / "in" / "bordered.png", image)
    assert infer(crop_border=True) == 0
    assert np.array_equal(rows_of(tmp_path / "out" / "bordered_lungs.png"), mask)


def test_the_table_and_the_record_say_what_was_done(
    infer: Callable[..., int], lung_seg: Bundle, tmp_path: Path
) -> None:
    mask = truth()
    write_picture(tmp_path / "in" / "site" / "both.png", picture(mask))
    small = np.zeros_like(mask)
    small[8:40, 16:32] = True
    write_picture(tmp_path / "in" / "small.png", picture(small))
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "in" / "notes.txt").write_text("not an image")
    assert infer(quality_flags=False) == 3

    rows = table(tmp_path / "out")
    assert list(rows.columns) == ["status", "reason", "flags", "lung_area_fraction", "box_x", "box_y", "box_w", "box_h"]
    assert list(rows.index) == ["broken.png", "site/both.png", "small.png"]
    assert dict(rows.loc["site/both.png"]) == {
        "status": "ok",
        "reason": "",
        "flags": "",
        "lung_area_fraction": str(round(mask.mean(), 5)),
        "box_x": "8",
        "box_y": "16",
        "box_w": "80",
        "box_h": "112",
    }
    assert rows.loc["small.png", "flags"] == "small_lungs"
    assert list(rows.loc["small.png"])[3:] == [str(round(small.mean(), 5)), "16", "8", "16", "32"]
    assert rows.loc["broken.png", "status"] == "refused"
    assert "truncated or damaged PNG" in rows.loc["broken.png", "reason"]
    assert list(rows.loc["broken.png"])[2:] == [""] * 6

    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    metadata = json.loads((lung_seg.configs / "metadata.json").read_text(encoding="utf-8"))
    assert record["bundle"] == "lung_seg"
    assert record["version"] == metadata["version"]
    assert record["complete"] is True
    assert record["counts"] == {"ok": 2, "refused": 1, "failed": 0}
    assert record["weights_sha256"] == hashlib.sha256((tmp_path / "bright.pt").read_bytes()).hexdigest()
    assert record["settings"]["network"] == "Conv2d"
    assert record["settings"]["image_size"] == [96, 160]
    assert record["packages"]["torch"] == torch.__version__
    assert 0 < record["seconds"] < 60


def test_an_image_without_lungs_gets_an_empty_mask_and_a_flag(infer: Callable[..., int], tmp_path: Path) -> None:
    dark = np.full((160, 96), 30, dtype=np.uint8)
    # One part in a hundred bright: enough to be a picture, too little to be a lung.
    dark[4:14, 4:20] = 220
    write_picture(tmp_path / "in" / "dark.png", dark)
    assert infer(clean_up=False) == 0
    assert rows_of(tmp_path / "out" / "dark_lungs.png").sum() == 160
    infer(clean_up=True, quality_flags=False, weights=bright_weights(tmp_path / "nothing.pt", -1000.0))
    assert not rows_of(tmp_path / "out" / "dark_lungs.png").any()
    row = table(tmp_path / "out").loc["dark.png"]
    assert (row["status"], row["flags"], row["lung_area_fraction"], row["box_x"]) == ("ok", "no_lungs", "0.0", "")


def test_names_stay_apart_and_keep_their_letters(infer: Callable[..., int], tmp_path: Path) -> None:
    names = ["a.png", "a.dcm", "two words.png", "Röntgen/Brustkorb é 胸.png", "x/y/z/1.2.840.5.png", "A/a.png"]
    sides = [80, 100, 120, 140, 160, 180]
    for name, rows in zip(names, sides, strict=True):
        write_picture(tmp_path / "in" / name, picture(truth(rows, 84)))
    assert infer() == 0
    expected = {
        "a.png": "a_lungs.png",
        "a.dcm": "a.dcm_lungs.png",
        "two words.png": "two words_lungs.png",
        "Röntgen/Brustkorb é 胸.png": "Röntgen/Brustkorb é 胸_lungs.png",
        "x/y/z/1.2.840.5.png": "x/y/z/1.2.840.5_lungs.png",
        "A/a.png": "A/a_lungs.png",
    }
    for name, rows in zip(names, sides, strict=True):
        assert rows_of(tmp_path / "out" / expected[name]).shape == (rows, 84), name
    assert len(list((tmp_path / "out").rglob("*.png"))) == len(names)
    assert sorted(table(tmp_path / "out").index) == sorted(names)


def test_results_below_the_radiographs_are_not_taken_for_radiographs(infer: Callable[..., int], tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    for _ in range(2):
        assert infer(output_dir=tmp_path / "in" / "results") == 0
    assert list(table(tmp_path / "in" / "results").index) == ["a.png"]


def test_nifti_masks_lie_on_the_grid_of_their_source(infer: Callable[..., int], tmp_path: Path) -> None:
    mask = truth()
    write_picture(tmp_path / "in" / "a.nii.gz", picture(mask), pixel=0.3)
    write_picture(tmp_path / "in" / "b.png", picture(mask))
    assert infer(mask_format=".nii.gz") == 0
    source, found = nib.load(tmp_path / "in" / "a.nii.gz"), nib.load(tmp_path / "out" / "a.nii.gz_lungs.nii.gz")
    assert found.shape == source.shape
    assert np.allclose(found.affine, source.affine)
    assert np.array_equal(np.asarray(found.dataobj) > 0, np.asarray(source.dataobj) > 128)
    plain = np.asarray(nib.load(tmp_path / "out" / "b_lungs.nii.gz").dataobj)
    assert np.array_equal(plain.reshape(96, 160) > 0, mask.T)
    assert not list((tmp_path / "out").glob("*.png"))


def test_the_mask_before_clean_up_and_the_outline_are_saved_on_request(
    infer: Callable[..., int], tmp_path: Path
) -> None:
    mask = truth()
    specks = mask.copy()
    specks[144:152, 80:88] = True
    specks[64:65, 12:13] = False
    write_picture(tmp_path / "in" / "a.png", picture(specks))
    assert infer(save_raw=True, write_overlays=True) == 0
    assert np.array_equal(rows_of(tmp_path / "out" / "a_lungs.png"), mask)
    assert np.array_equal(rows_of(tmp_path / "out" / "a_lungs_raw.png"), specks)
    with Image.open(tmp_path / "out" / "a_overlay.png") as image:
        overlay = np.asarray(image).astype(int)
    assert overlay.shape == (160, 96, 3)
    red = (overlay == (255, 64, 64)).all(axis=-1)
    assert red[16, 8:56].all()
    assert not red[100:110, 58:62].any()
    assert not red[20:30, 12:40].any()
    grey = ~red
    assert (overlay[grey] == overlay[grey][:, :1]).all()


def test_right_and_left_lung_are_saved_apart(infer: Callable[..., int], tmp_path: Path) -> None:
    mask = truth()
    write_picture(tmp_path / "in" / "a.png", picture(mask))
    assert infer("separate_lungs") == 0
    right, left = (rows_of(tmp_path / "out" / f"a_{side}_lung.png") for side in ("right", "left"))
    # The patient's right is on the picture's left.
    assert np.array_equal(right[:, :56], mask[:, :56])
    assert not right[:, 56:].any()
    assert np.array_equal(left, mask & ~right)
    assert np.array_equal(rows_of(tmp_path / "out" / "a_lungs.png"), mask)
