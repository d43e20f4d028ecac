"""regions.json, the 8-bit map and the overlay picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import SaveImaged
from PIL import Image

from common.io import RadiographLayout
from common.localization import (
    REGION_BOXES,
    EvidenceOverlayWriter,
    EvidenceWriter,
    Region,
    RegionFileError,
    draw_evidence,
    read_regions,
    write_regions,
)

REGIONS = {
    "b/two.png": [Region((10, 20, 30, 40), 0.91234567), Region((0, 0, 5, 5), 0.25)],
    "a.dcm": [],
}


def test_round_trip_and_form(tmp_path: Path) -> None:
    path = tmp_path / "regions.json"
    write_regions(path, REGIONS)
    assert json.loads(path.read_text()) == {
        "a.dcm": [],
        "b/two.png": [{"box": [10, 20, 30, 40], "score": 0.912346}, {"box": [0, 0, 5, 5], "score": 0.25}],
    }
    back = read_regions(path)
    assert list(back) == ["a.dcm", "b/two.png"]
    assert back["b/two.png"][0] == Region((10, 20, 30, 40), 0.912346)
    write_regions(tmp_path / "again.json", back)
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_a_failed_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "regions.json"
    write_regions(path, REGIONS)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_regions(path, {"a": [Region((0, 0, 1, 1), float("nan"))]})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a JSON file in UTF-8"),
        ("[]", "found a list, not image -> list"),
        ('{"a.png": {}}', "a.png: found {}, not a list of boxes and scores"),
        ('{"a.png": [3]}', "a.png: found 3, not"),
        ('{"a.png": [{"box": [1, 2, 3], "score": 1}]}', "a.png: found {'box': .1, 2, 3."),
        ('{"a.png": [{"box": [1, 2, 0, 3], "score": 1}]}', "a.png: found"),
        ('{"a.png": [{"box": [1, 2, 4, 3.5], "score": 1}]}', "a.png: found"),
        ('{"a.png": [{"box": [1, 2, 4, 3]}]}', "a.png: found"),
    ],
)
def test_files_of_another_form(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "regions.json"
    path.write_text(text)
    with pytest.raises(RegionFileError, match=message) as error:
        read_regions(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(RegionFileError, match="not found; localisation writes it"):
        read_regions(tmp_path / "none.json")


def _radiograph(folder: Path, size: tuple[int, int] = (90, 120)) -> Path:
    """A grey ramp of rows and columns ``size`` as PNG."""
    folder.mkdir(exist_ok=True)
    rows, columns = np.mgrid[: size[0], : size[1]]
    Image.fromarray((rows + columns).astype(np.uint8)).save(folder / "film.png")
    return folder / "film.png"


def _evidence(film: Path) -> MetaTensor:
    evidence = torch.zeros(1, 120, 90)
    evidence[0, 100:110, 5:15] = 1
    evidence[0, 0, 0] = 0.5
    meta = {"filename_or_obj": str(film), "spatial_shape": np.array([120, 90]), REGION_BOXES: [[100, 5, 10, 10]]}
    return MetaTensor(evidence, meta=meta)


def _save(evidence: MetaTensor, writer: type[EvidenceWriter], film: Path, out: Path, postfix: str) -> Path:
    layout = RadiographLayout(out, film.parent, postfix)
    save = SaveImaged(
        "evidence",
        writer=writer,
        output_ext=".png",
        output_dtype=None,
        folder_layout=layout,
        resample=False,
        print_log=False,
    )
    save({"evidence": evidence})
    return layout.path(film)


def test_the_map_as_a_picture(tmp_path: Path) -> None:
    film = _radiograph(tmp_path / "in")
    path = _save(_evidence(film), EvidenceWriter, film, tmp_path / "out", "evidence")
    assert path.name == "film_evidence.png"
    with Image.open(path) as picture:
        assert picture.mode == "L"
        assert picture.size == (120, 90)
        pixels = np.asarray(picture)
    expected = np.zeros((90, 120), dtype=np.uint8)
    expected[5:15, 100:110] = 255
    expected[0, 0] = 128
    assert np.array_equal(pixels, expected)


def test_the_overlay(tmp_path: Path) -> None:
    film = _radiograph(tmp_path / "in")
    path = _save(_evidence(film), EvidenceOverlayWriter, film, tmp_path / "out", "overlay")
    with Image.open(path) as picture:
        pixels = np.asarray(picture).astype(int)
    assert pixels.shape == (90, 120, 3)
    assert (pixels[5, 100:110] == 255).all(), "the upper edge of the box"
    inside = pixels[10, 105]
    assert min(inside[:2]) - inside[2] > 80, "strong evidence is yellow"
    outside = pixels[40:, :60]
    assert (outside == outside[..., :1]).all(), "no evidence, no colour"


def test_large_films_are_shown_smaller() -> None:
    pixels = np.tile(np.arange(2048, dtype=np.float32), (512, 1))
    evidence = np.zeros((512, 2048), dtype=np.float32)
    evidence[256:, :1024] = 1
    shown = draw_evidence(pixels, evidence, [[1024, 256, 200, 100]])
    assert shown.shape == (256, 1024, 3)
    assert (shown[128, 512:612] == 255).all()


def test_maps_that_cannot_be_written(tmp_path: Path) -> None:
    film = _radiograph(tmp_path / "in")
    writer = EvidenceWriter()
    for data, message in (
        (torch.rand(2, 120, 90), "one channel and two axes"),
        (torch.rand(1, 120, 90) * 2, "values in .0, 1. are needed"),
        (torch.full((1, 120, 90), float("nan")), "values in .0, 1. are needed"),
    ):
        with pytest.raises(ValueError, match=message):
            writer.set_data_array(data)
    writer.set_data_array(torch.rand(1, 90, 120))
    with pytest.raises(ValueError, match="undo the preprocessing first"):
        writer.set_metadata(_evidence(film).meta)
