"""Items of lung segmentation out of an index."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from common.data import DataIndexError, lung_items

ROWS = [
    {"dataset": "a", "lung_mask": "m/0.png", "seg_split": "train"},
    {"dataset": "a", "left_lung_mask": "m/1l.png", "right_lung_mask": "m/1r.png", "seg_split": "train"},
    {"dataset": "b", "lung_mask": "m/2.png", "seg_split": "val"},
    {"dataset": "b", "seg_split": "train"},
    {"dataset": "b", "left_lung_mask": "m/4l.png", "seg_split": "train"},
]


@pytest.fixture
def root(data_folder: Callable[..., Path]) -> Path:
    return data_folder(ROWS)


def test_masks_are_the_whole_one_or_both_sides(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="common")
    images = [str(root / "site" / "images" / f"{number:03d}.png") for number in range(5)]
    assert lung_items(root, splits=["train", "val"]) == [
        {"image": images[0], "label": [str(root / "m/0.png")], "site": "a"},
        # The patient's right first, as in the picture.
        {"image": images[1], "label": [str(root / "m/1r.png"), str(root / "m/1l.png")], "site": "a"},
        {"image": images[2], "label": [str(root / "m/2.png")], "site": "b"},
    ]
    assert "2 of 5 selected rows have no lung mask and are left out" in caplog.text


def test_sites_and_lists_are_chosen(root: Path) -> None:
    assert [item["site"] for item in lung_items(root, sites=["b"], splits=["val"])] == ["b"]
    assert len(lung_items(root, splits=["train"])) == 2
    assert len(lung_items(root)) == 3
    assert len(lung_items(root, split_column=None, splits=["nothing"])) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sites": ["c"]}, "unknown site c; the index has a, b"),
        ({"splits": ["test"]}, "no row with seg_split in test; the chosen sites have train, val"),
        ({"split_column": "x", "splits": ["test"]}, "no split column x; the index has "),
        ({"sites": ["b"], "splits": ["train"]}, "index.csv: none of the 2 selected rows has a lung mask"),
    ],
)
def test_an_empty_choice_is_an_error(root: Path, options: dict[str, list[str]], message: str) -> None:
    with pytest.raises(DataIndexError) as caught:
        lung_items(root, **options)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_missing_files_are_named(root: Path) -> None:
    (root / "m" / "1r.png").unlink()
    (root / "site" / "images" / "002.png").unlink()
    with pytest.raises(DataIndexError) as caught:
        lung_items(root)
    assert str(caught.value) == (f"{root}/index.csv: 2 files named there do not exist: m/1r.png, site/images/002.png")
    with pytest.raises(DataIndexError, match=r"1 files named there do not exist: m/1r\.png"):
        lung_items(root, sites=["a"])
    kept = {item["image"] for item in lung_items(root, require_files=False)}
    assert str(root / "site" / "images" / "002.png") in kept


def test_a_limit_takes_items_from_the_whole_list(data_folder: Callable[..., Path]) -> None:
    root = data_folder([{"dataset": "a", "lung_mask": f"m/{number}.png"} for number in range(10)], "many")
    names = [Path(item["image"]).stem for item in lung_items(root, limit=4)]
    assert names == ["000", "002", "005", "007"]
    assert len(lung_items(root, limit=10)) == len(lung_items(root, limit=99)) == 10
