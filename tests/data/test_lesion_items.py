"""Items of lesion segmentation out of an index."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.data import DataIndexError, lesion_items, lesion_normals

BOTH = '[{"label": "latent", "xywh": [1.5, 2, 30, 40]}, {"label": "active", "xywh": [50, 10, 20.25, 80]}]'
ROWS = [
    {"dataset": "a", "tb": "1", "boxes": BOTH, "det_split": "train"},
    {"dataset": "a", "tb": "1", "boxes": "[]", "det_split": "train"},
    {"dataset": "a", "tb": "0", "det_split": "train"},
    {"dataset": "b", "tb": "1", "boxes": '[{"label": "active", "xywh": [0, 0, 80, 96]}]', "det_split": "val"},
    {"dataset": "b", "tb": "0", "det_split": "val"},
    {"dataset": "b", "tb": "0", "det_split": "val", "findings": "normal (same pt as 004)"},
    {"dataset": "b", "det_split": "val"},
]


@pytest.fixture
def root(data_folder: Callable[..., Path]) -> Path:
    return data_folder(ROWS)


def numbers(items: list[dict[str, Any]]) -> list[int]:
    return [int(Path(item["image"]).stem) for item in items]


def test_an_item_holds_the_boxes_of_its_image(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="common")
    first, second = lesion_items(root)
    boxes, classes = first.pop("boxes"), first.pop("box_classes")
    assert first == {
        "image": str(root / "site/images/000.png"),
        "weight": 1.0,
        "source": "boxes",
        "site": "a",
        "group": "a active+latent",
        "patient_id": "a/p0",
        "name": "site/images/000.png",
    }
    assert boxes.dtype == np.float32
    assert boxes.tolist() == [[1.5, 2, 30, 40], [50, 10, 20.25, 80]]
    assert classes.dtype == np.int64
    assert classes.tolist() == [0, 0]
    assert (second["group"], second["boxes"].tolist()) == ("b active", [[0, 0, 80, 96]])
    assert "1 images with an empty list of boxes are left out: site/images/001.png" in caplog.text
    assert "4 of 7 selected rows have no boxes and are left out" in caplog.text


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (None, [0, 0]),
        (["active", "latent"], [1, 0]),
        (["latent", "active"], [0, 1]),
        ({"active": 0, "latent": 0}, [0, 0]),
        ({"active": 2, "latent": 1}, [1, 2]),
    ],
)
def test_labels_become_channels(root: Path, classes: Any, expected: list[int]) -> None:
    assert lesion_items(root, classes=classes)[0]["box_classes"].tolist() == expected


def test_a_label_without_a_class_is_refused(root: Path) -> None:
    message = r"index\.csv: site/images/000\.png: box label latent is none of the classes active"
    with pytest.raises(DataIndexError, match=message):
        lesion_items(root, classes=["active"])


def test_sites_lists_and_a_limit_choose(root: Path) -> None:
    assert numbers(lesion_items(root, sites=["b"])) == [3]
    assert numbers(lesion_items(root, split_column="det_split", splits=["train"])) == [0]
    assert numbers(lesion_items(root, limit=1)) == [0]
    with pytest.raises(DataIndexError, match="no row with det_split in test; the chosen sites have train, val"):
        lesion_items(root, split_column="det_split", splits=["test"])


def test_a_choice_without_boxes_is_refused(data_folder: Callable[..., Path]) -> None:
    root = data_folder(ROWS[1:3])
    with pytest.raises(DataIndexError, match=r"index\.csv: none of the 2 selected rows has lesion boxes"):
        lesion_items(root)


def test_boxes_of_another_coordinate_system_are_refused(data_folder: Callable[..., Path]) -> None:
    outside = '[{"label": "active", "xywh": [900, 1000, 300, 400]}]'
    root = data_folder([ROWS[0], {"dataset": "a", "boxes": outside}, {"dataset": "a", "boxes": "none"}])
    with pytest.raises(DataIndexError) as caught:
        lesion_items(root)
    message = str(caught.value)
    assert message.startswith(f"{root / 'index.csv'}: site/images/001.png: box [900, 1000, 300, 400] has no place in")
    assert "the image of 80 x 96 pixels; boxes are x, y, width, height in pixels of the image file" in message
    assert "; site/images/002.png: boxes cannot be read" in message
    assert "\n" not in message


def test_absent_files_and_columns_are_named(root: Path, tmp_path: Path) -> None:
    (root / "site/images/003.png").unlink()
    with pytest.raises(DataIndexError, match=r"1 files named there do not exist: site/images/003\.png"):
        lesion_items(root)
    (tmp_path / "index.csv").write_text("image,tb\na.png,1\n")
    with pytest.raises(DataIndexError, match=r"index\.csv: column boxes is missing; found image, tb"):
        lesion_items(tmp_path)


def test_normals_have_no_boxes(root: Path) -> None:
    items = lesion_normals(root)
    assert numbers(items) == [2, 4, 5]
    assert {item["boxes"].shape for item in items} == {(0, 4)}
    assert {item["box_classes"].shape for item in items} == {(0,)}
    assert [item["group"] for item in items] == ["a normal", "b normal", "b normal"]
    assert {item["source"] for item in items} == {"normal"}
    # Items 4 and 5 show one patient by the words of the reader.
    assert [item["patient_id"] for item in items] == ["a/p2", "b/p4", "b/p4"]
    assert set(items[0]) == set(lesion_items(root)[0])
    assert numbers(lesion_normals(root, sites=["b"], split_column="det_split", splits=["val"], limit=1)) == [4]


def test_normals_are_drawn_by_the_seed(data_folder: Callable[..., Path]) -> None:
    root = data_folder([{"dataset": "a", "tb": "0"}] * 12)
    draws = [tuple(numbers(lesion_normals(root, count=4, seed=seed))) for seed in range(60)]
    assert all(len(set(draw)) == 4 and sorted(draw) == list(draw) for draw in draws)
    assert draws[7] == tuple(numbers(lesion_normals(root, count=4, seed=7)))
    assert set(Counter(number for draw in draws for number in draw)) == set(range(12))


def test_too_few_normals_are_refused(root: Path) -> None:
    with pytest.raises(DataIndexError, match=r"3 of the selected rows have tb = 0, 4 are asked for"):
        lesion_normals(root, count=4)
    with pytest.raises(DataIndexError, match=r"0 of the selected rows have tb = 0$"):
        lesion_normals(root, sites=["a"], split_column="tb", splits=["1"])


def test_the_real_boxes(cxr_data: Path, caplog: pytest.LogCaptureFixture) -> None:
    items = {
        part: lesion_items(
            cxr_data, sites=["tbx11k"], split_column="det_split", splits=[part], classes=["active", "latent"]
        )
        for part in ("train", "val")
    }
    assert {part: len(found) for part, found in items.items()} == {"train": 146, "val": 30}
    drawn = Counter(number for found in items.values() for item in found for number in item["box_classes"].tolist())
    assert drawn == {0: 202, 1: 60}
    assert "1 images with an empty list of boxes are left out: tbx11k/images/tb1199.png" in caplog.text
    by_name = {item["name"]: item for item in items["val"]}
    np.testing.assert_allclose(
        by_name["tbx11k/images/tb0004.png"]["boxes"],
        [[128.66, 56.73, 116.39, 94.96], [324.39, 79.27, 90.13, 104.07]],
        rtol=1e-6,
    )
