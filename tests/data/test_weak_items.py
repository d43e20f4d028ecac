"""Items whose boxes a classifier found."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from common.data import DataIndexError, lesion_items, weak_lesion_items
from common.data.random_boxes import FoundBoxes, misplaced
from common.errors import UsageError
from common.handlers import RegionFiles
from common.io import RadiographLayout

OWN = '[{"label": "active", "xywh": [5, 5, 20, 20]}]'
ROWS = [
    {"dataset": "a", "tb": "1", "cls_split": "train"},
    {"dataset": "a", "tb": "1", "cls_split": "train"},
    {"dataset": "a", "tb": "0", "cls_split": "train"},
    {"dataset": "a", "tb": "1", "cls_split": "val"},
    {"dataset": "b", "tb": "1", "cls_split": "train"},
    {"dataset": "b", "tb": "1", "cls_split": "train", "boxes": OWN},
    {"dataset": "b", "tb": "1", "cls_split": "train", "boxes": "[]"},
    {"dataset": "b", "tb": "1", "cls_split": "val", "boxes": OWN, "findings": "TB (same pt as 004)"},
]
FOUND: dict[int, list[tuple[tuple[int, int, int, int], float]]] = {
    0: [((10, 20, 30, 40), 0.9), ((50, 5, 20, 25), 0.7)],
    1: [],
    2: [((1, 1, 9, 9), 0.2)],
    3: [((1, 1, 9, 9), 0.8)],
    4: [((0, 0, 80, 96), 0.6)],
    5: [((2, 2, 9, 9), 0.8)],
    6: [((3, 3, 9, 9), 0.75)],
    7: [((4, 4, 9, 9), 0.8)],
}


def image(number: int) -> str:
    return f"site/images/{number:03d}.png"


@pytest.fixture
def root(data_folder: Callable[..., Path]) -> Path:
    return data_folder(ROWS)


@pytest.fixture
def weak(root: Path, tmp_path: Path) -> Path:
    """What the localisation of tb_cls writes, by the handler that writes it."""
    folder = tmp_path / "weak"
    folder.mkdir()
    rows = {}
    for number, regions in FOUND.items():
        probability = regions[0][1] if regions else 0.1
        rows[image(number)] = {
            "status": "ok",
            "tb": int(probability >= 0.5),
            "tb_probability": probability,
            "regions": json.dumps([{"box": list(box), "score": score} for box, score in regions]),
        }
    layout = RadiographLayout(output_dir=folder, dataset_dir=root, postfix="regions", extension=".png")
    RegionFiles(Mock(rows=rows, output_dir=folder, dataset_dir=root), layout)()
    return folder


def numbers(items: list[dict[str, Any]]) -> list[int]:
    return [int(Path(item["image"]).stem) for item in items]


def test_weak_boxes_become_items(root: Path, weak: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="common")
    items = weak_lesion_items(weak, root, weight=0.5, split_column="cls_split", splits=["train"])
    assert numbers(items) == [0, 4, 6]
    first = dict(items[0])
    boxes, classes = first.pop("boxes"), first.pop("box_classes")
    assert boxes.dtype == np.float32
    assert boxes.tolist() == [[10, 20, 30, 40], [50, 5, 20, 25]]
    assert classes.tolist() == [0, 0]
    assert first == {
        "image": str(root / image(0)),
        "weight": 0.5,
        "source": "weak",
        "site": "a",
        "group": "a weak",
        "patient_id": "a/p0",
        "name": image(0),
    }
    assert "weak masks of 3 of 8 images; left out: 1 on which nothing was found; " in caplog.text
    assert "3 without TB or not in the chosen lists; 1 with boxes of their own" in caplog.text


def test_sites_probability_and_a_limit_choose(root: Path, weak: Path) -> None:
    assert numbers(weak_lesion_items(weak, root)) == [0, 3, 4, 6]
    assert numbers(weak_lesion_items(weak, root, sites=["b"])) == [4, 6]
    assert numbers(weak_lesion_items(weak, root, min_probability=0.75)) == [0, 3, 6]
    assert numbers(weak_lesion_items(weak, root, limit=2)) == [0, 4]


def test_held_out_patients_are_left_out(root: Path, weak: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="common")
    # Image 7 is held out and shows the patient of image 4.
    held = lesion_items(root, split_column="cls_split", splits=["val"])
    assert numbers(held) == [7]
    assert numbers(weak_lesion_items(weak, root, exclude=held)) == [0, 3, 6]
    assert "1 of held-out patients" in caplog.text
    assert numbers(weak_lesion_items(weak, root, exclude=[{"image": str(root / image(3))}])) == [0, 4, 6]


def test_no_item_is_left(root: Path, weak: Path) -> None:
    with pytest.raises(DataIndexError) as caught:
        weak_lesion_items(weak, root, sites=["a"], split_column="cls_split", splits=["train"], min_probability=0.95)
    message = str(caught.value)
    assert message.startswith(f"{weak / 'index.csv'}: no weak masks found; of 8 images were left out: ")
    assert "2 with a probability below 0.95" in message


def test_an_index_of_other_images_is_refused(root: Path, weak: Path) -> None:
    path = weak / "index.csv"
    path.write_text(path.read_text().replace("site/images/", "elsewhere/"))
    with pytest.raises(DataIndexError) as caught:
        weak_lesion_items(weak, root)
    assert str(caught.value) == (
        f"{path}: weak masks of other images: names elsewhere/000.png, {root / 'index.csv'} names {image(0)}"
    )


def test_a_few_other_images_are_counted(root: Path, weak: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="common")
    path = weak / "index.csv"
    path.write_text(path.read_text().replace(image(0) + ",", "masks/000.png,"))
    assert numbers(weak_lesion_items(weak, root)) == [3, 4, 6]
    assert "1 not in the index" in caplog.text


def test_boxes_of_another_size_of_the_images_are_refused(root: Path, weak: Path) -> None:
    path = weak / "index.csv"
    path.write_text(path.read_text().replace("[10, 20, 30, 40]", "[100, 200, 300, 400]"))
    message = r"index\.csv: site/images/000\.png: box \[100, 200, 300, 400\] has no place in the image of 80 x 96"
    with pytest.raises(DataIndexError, match=message):
        weak_lesion_items(weak, root)


@pytest.mark.parametrize("change", ["missing folder", "missing column", "not a number"])
def test_a_broken_index_is_refused(root: Path, weak: Path, change: str) -> None:
    path = weak / "index.csv"
    table = pd.read_csv(path, dtype=str)
    if change == "missing folder":
        weak, message = weak / "none", "none: no such folder"
    elif change == "missing column":
        table.drop(columns="tb_probability").to_csv(path, index=False)
        message = "column tb_probability is missing"
    else:
        table.assign(tb_probability="high").to_csv(path, index=False)
        message = "site/images/000.png: tb_probability must be a number, found 'high'"
    with pytest.raises(DataIndexError, match=message):
        weak_lesion_items(weak, root, min_probability=0.5)


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_a_weight_is_above_zero(root: Path, weak: Path, weight: float) -> None:
    with pytest.raises(UsageError, match="weight of weak masks: a number above 0 is needed, got"):
        weak_lesion_items(weak, root, weight=weight)


def test_the_run_must_be_named(root: Path) -> None:
    with pytest.raises(UsageError, match="weak_dir: the output folder of a run of the bundle tb_cls with localize"):
        weak_lesion_items(None, root)


def test_placebo_boxes_move_and_nothing_else_does(root: Path, weak: Path) -> None:
    real, placebo, other = (
        weak_lesion_items(weak, root, random_boxes=moved, seed=seed)
        for moved, seed in ((False, 1), (True, 1), (True, 2))
    )
    for before, after in zip(real, placebo, strict=True):
        assert before["boxes"][:, 2:].tolist() == after["boxes"][:, 2:].tolist()
        for key in set(before) - {"boxes", "box_classes"}:
            assert before[key] == after[key]
    assert len({str(items[0]["boxes"]) for items in (real, placebo, other)}) == 3
    alone = weak_lesion_items(weak, root, sites=["a"], limit=1, random_boxes=True, seed=1)
    assert alone[0]["boxes"].tolist() == placebo[0]["boxes"].tolist(), "whatever else is chosen"


def test_placebo_boxes_go_where_other_images_have_theirs(root: Path, weak: Path) -> None:
    real, placebo = (
        weak_lesion_items(weak, root, random_boxes=moved, random_places="found", splits=["train"], seed=3)
        for moved in (False, True)
    )
    expected = misplaced([FoundBoxes(item["name"], (80, 96), item["boxes"]) for item in real], "found", seed=3)
    assert [item["boxes"].tolist() for item in placebo] == [boxes.tolist() for boxes in expected]


def test_unknown_places_are_refused(root: Path, weak: Path) -> None:
    with pytest.raises(UsageError, match="random_places: one of anywhere, found is needed, got 'lungs'"):
        weak_lesion_items(weak, root, random_boxes=True, random_places="lungs")


def test_a_placebo_as_large_as_its_image_stays(root: Path, weak: Path) -> None:
    (only, *_) = weak_lesion_items(weak, root, sites=["b"], random_boxes=True)
    assert only["boxes"].tolist() == [[0, 0, 80, 96]]
