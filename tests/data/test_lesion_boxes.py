"""Reading lesion boxes and the size of the image they lie on."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.lesion_boxes import image_size, lesion_boxes, of_labels
from common.io import RadiographError


def text(*xywh: float) -> str:
    return f'[{{"label": "active", "xywh": {list(xywh)}}}]'


def test_labels_and_boxes_are_read() -> None:
    column = '[{"label": "active", "xywh": [1, 2, 3, 4.5]}, {"label": "latent", "xywh": [0, 0, 80, 96]}]'
    labels, boxes = lesion_boxes(column, (80, 96))
    assert labels == ["active", "latent"]
    assert boxes.dtype == np.float32
    assert boxes.tolist() == [[1, 2, 3, 4.5], [0, 0, 80, 96]]


def test_boxes_of_other_labels_are_left_out() -> None:
    column = (
        '[{"label": "active", "xywh": [1, 2, 3, 4]}, {"label": "latent", "xywh": [0, 0, 8, 9]}, {"xywh": [5, 6, 7, 8]}]'
    )
    assert lesion_boxes(of_labels(column, ["latent"]), (80, 96))[1].tolist() == [[0, 0, 8, 9]]
    assert of_labels(column, ["healed"]) == "[]"
    assert of_labels(column, ["active", "latent", ""]) == column
    for unreadable in ("", "[", '{"label": 3}', "[3]"):
        assert of_labels(unreadable, ["active"]) == unreadable


def test_an_empty_list_has_no_boxes() -> None:
    labels, boxes = lesion_boxes("[]", (80, 96))
    assert labels == []
    assert boxes.shape == (0, 4)


@pytest.mark.parametrize("xywh", [(-1, 0, 5, 5), (75.5, 90, 5.5, 7)])
def test_rounding_may_carry_a_box_over_the_edge(xywh: tuple[float, ...]) -> None:
    assert lesion_boxes(text(*xywh), (80, 96))[1].tolist() == [list(xywh)]


@pytest.mark.parametrize(
    ("xywh", "shown"),
    [
        ((-1.5, 0, 5, 5), "-1.5, 0, 5, 5"),
        ((0, 90, 5, 8), "0, 90, 5, 8"),
        ((76, 0, 6, 5), "76, 0, 6, 5"),
        ((1500, 2000, 300, 400), "1500, 2000, 300, 400"),
        ((5, 5, 0, 5), "5, 5, 0, 5"),
        ((5, 5, 5, -1), "5, 5, 5, -1"),
        ((float("nan"), 5, 5, 5), "nan, 5, 5, 5"),
    ],
)
def test_boxes_without_a_place_in_the_image_are_refused(xywh: tuple[float, ...], shown: str) -> None:
    message = f"box [{shown}] has no place in the image of 80 x 96 pixels; boxes are x, y, width, height in pixels"
    with pytest.raises(ValueError, match=re.escape(message)):
        lesion_boxes(text(*xywh).replace("nan", "NaN"), (80, 96))


@pytest.mark.parametrize(
    "column",
    ["no JSON", "7", '[{"label": "active"}]', "[[1, 2, 3, 4]]", text(1, 2, 3), "{}x"],
)
def test_other_forms_are_refused(column: str) -> None:
    with pytest.raises(ValueError, match=r"boxes cannot be read .* JSON such as .*xywh.* is needed"):
        lesion_boxes(column, (80, 96))


def test_boxes_need_no_label() -> None:
    labels, boxes = lesion_boxes('[{"xywh": [1, 2, 3, 4]}]', (80, 96))
    assert labels == [""]
    assert boxes.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tiff"])
def test_the_size_is_columns_by_rows(tmp_path: Path, name: str) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 80), dtype=np.uint8))
    picture.save(tmp_path / name)
    assert image_size(tmp_path / name) == (80, 96)


@pytest.mark.parametrize(("orientation", "size"), [(1, (80, 96)), (4, (80, 96)), (5, (96, 80)), (8, (96, 80))])
def test_the_size_is_that_of_the_upright_picture(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.zeros((96, 80), dtype=np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    assert image_size(tmp_path / "a.jpg") == size


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(RadiographError, match=r"a\.png"):
        image_size(tmp_path / "a.png")
