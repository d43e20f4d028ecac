"""tb_seg's inference: from a folder of files to lesion masks in their geometry, boxes, tables and pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bundle_facts import BUNDLES
from PIL import Image
from two_lungs import BRIGHT, bright_network, dice, picture, rows_of, table, truth

from common.data.phantom_files import write_picture
from common.localization import read_regions

Run = Callable[..., int]


@pytest.fixture
def outline(tmp_path: Path) -> Run:
    """Function that runs inference of ``tmp_path/in`` into ``tmp_path/out``: what is bright is lesion."""
    tb_seg = next(bundle for bundle in BUNDLES if bundle.name == "tb_seg")

    def run(**options: Any) -> int:
        defaults = {"dataset_dir": tmp_path / "in", "output_dir": tmp_path / "out", "num_workers": 0}
        shown = {"lung_crop": False, "min_lesion_area": 0.0}
        return tb_seg.run("inference", **{**defaults, **shown, **bright_network(tmp_path), **options})

    return run


def test_masks_boxes_and_columns_agree(outline: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "site" / "a.png", picture(truth()))
    write_picture(tmp_path / "in" / "b.dcm", picture(truth(), np.uint16), pixel=0.2, monochrome1=True)
    assert outline() == 0
    lesions = read_regions(tmp_path / "out" / "lesions.json")
    rows = table(tmp_path / "out")
    assert sorted(lesions) == ["b.dcm", "site/a.png"]
    for name, stem in (("b.dcm", "b.dcm"), ("site/a.png", "site/a")):
        assert np.array_equal(rows_of(tmp_path / "out" / f"{stem}_tb.png"), truth())
        # The F and the hook, each in its own box: cells of 8 x 8 pixels.
        assert sorted(lesion.box for lesion in lesions[name]) == [(8, 16, 48, 112), (56, 48, 32, 32)]
        assert [entry["box"] for entry in json.loads(rows.loc[name, "lesion_boxes"])] == [
            list(lesion.box) for lesion in lesions[name]
        ]
        assert rows.loc[name, "lesions"] == "2"
        assert float(rows.loc[name, "tb_area_fraction"]) == pytest.approx(truth().mean(), abs=1e-5)
        assert float(rows.loc[name, "lesion_confidence"]) > 0.99
        assert rows.loc[name, "flags"] == ""


@pytest.mark.parametrize(("channel", "whole"), [(0, True), (1, False), ("$None", True)])
def test_one_class_of_several_is_outlined_or_any(outline: Run, tmp_path: Path, channel: int | str, whole: bool) -> None:
    """The first class is what is bright, the second nothing."""
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    weights = tmp_path / "classes.pt"
    torch.save({"weight": torch.full((2, 1, 1, 1), 100.0), "bias": torch.tensor([-50.0, -150.0])}, weights)
    assert outline(network_def={**BRIGHT, "out_channels": 2}, weights=weights, channel=channel) == 0
    assert np.array_equal(rows_of(tmp_path / "out" / "a_tb.png"), truth() & whole)
    assert table(tmp_path / "out").loc["a.png", "lesions"] == str(2 * whole)


def test_a_class_that_the_network_lacks_is_reported(outline: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    assert outline(channel=1) == 3
    assert "channel 1: the network gives the channels 0 to 0" in table(tmp_path / "out").loc["a.png", "reason"]


def test_the_least_area_drops_the_smaller_lesion(outline: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    # The hook covers 16 of the 240 cells less four.
    assert outline(min_lesion_area=0.06) == 0
    found = rows_of(tmp_path / "out" / "a_tb.png")
    assert found[:, :56].sum() == truth()[:, :56].sum()
    assert not found[:, 56:].any()


def test_views_do_not_move_the_mask(outline: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    assert outline(mirror=True, rotations=[-4, 0, 4]) == 0
    assert dice(rows_of(tmp_path / "out" / "a_tb.png"), truth()) > 0.95


def test_a_film_without_lesions_has_an_empty_mask_and_no_box(outline: Run, tmp_path: Path) -> None:
    dark = picture(truth()) // 4
    dark[0, 0] = 255  # one bright pixel, too small a lesion
    write_picture(tmp_path / "in" / "a.png", dark)
    assert outline(min_lesion_area=0.01, percentiles=[0, 100]) == 0
    assert not rows_of(tmp_path / "out" / "a_tb.png").any()
    assert read_regions(tmp_path / "out" / "lesions.json") == {"a.png": []}
    assert table(tmp_path / "out").loc["a.png", "lesions"] == "0"


def test_unsure_masks_are_flagged(outline: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    assert outline(uncertain_below=1.0) == 0
    assert table(tmp_path / "out").loc["a.png", "flags"] == "uncertain"


def test_probability_and_overlay_are_pictures_of_the_source(outline: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    assert outline(save_probability=True, write_overlays=True) == 0
    with Image.open(tmp_path / "out" / "a_tb_probability.png") as shown:
        assert np.array_equal(np.asarray(shown) >= 128, truth())
    with Image.open(tmp_path / "out" / "a_overlay.png") as shown:
        assert shown.mode == "RGB"
        assert shown.size == (96, 160)


def test_an_interrupted_run_keeps_the_lesions_of_the_first_part(outline: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    assert outline() == 0
    first = read_regions(tmp_path / "out" / "lesions.json")
    write_picture(tmp_path / "in" / "b.png", picture(truth()))
    assert outline(resume_inference=True) == 0
    assert read_regions(tmp_path / "out" / "lesions.json") == {**first, "b.png": first["a.png"]}


def test_one_bad_file_leaves_the_others_done(outline: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "a.png", picture(truth()))
    (tmp_path / "in" / "broken.png").write_bytes((tmp_path / "in" / "a.png").read_bytes()[:60])
    assert outline() == 3
    assert table(tmp_path / "out").loc["broken.png", "status"] == "refused"
    assert sorted(read_regions(tmp_path / "out" / "lesions.json")) == ["a.png"]
