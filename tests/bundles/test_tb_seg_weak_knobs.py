"""Every knob of the weak masks reaches what it is for, and epochs are as long as without them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bundle_facts import TB_SEG
from monai.bundle import ConfigParser

from common.data.phantom_dataset import write_phantom_dataset

BOX = '[{"label": "TB", "xywh": [20, 30, 30, 10]}]'
Build = Callable[..., ConfigParser]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Six films, two with boxes, two more with TB (north and south), two normal; and what tb_cls found on all."""
    data, weak = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("weak")
    write_phantom_dataset(data, 6, seed=1, size=(112, 96))
    table = pd.read_csv(data / "index.csv", dtype=str, keep_default_na=False)
    table["dataset"] = ["east", "east", "north", "south", "east", "east"]
    table["tb"] = ["1", "1", "1", "1", "0", "0"]
    table["boxes"] = [BOX, BOX, "", "", "", ""]
    table["det_split"] = ["train", "val", "", "", "", ""]
    table["cls_split"] = "train"
    table.to_csv(data / "index.csv", index=False)
    found = pd.DataFrame({"image": table["image"], "boxes": BOX, "tb_probability": [0.9, 0.9, 0.9, 0.6, 0.9, 0.9]})
    found.to_csv(weak / "index.csv", index=False)
    return data, weak


@pytest.fixture
def build(folders: tuple[Path, Path], tmp_path: Path) -> Build:
    """Function that reads the configuration of a training with or without weak masks."""

    def parser(*overlays: str, **options: Any) -> ConfigParser:
        given = {"dataset_dir": str(folders[0]), "output_dir": str(tmp_path), "cache_rate": 0.0, **TB_SEG.small}
        if overlays:
            given["weak_dir"] = str(folders[1])
        found = TB_SEG.workflow("train", "train", *overlays, **{**given, "num_workers": 0, **options}).parser
        assert isinstance(found, ConfigParser)
        return found

    return parser


def weak_items(build: Build, **options: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = build("train_augmented", **options).get_parsed_content("train#weak")
    return items


def test_knobs_choose_weigh_and_move_weak_masks(build: Build) -> None:
    north, south = weak_items(build)
    assert [item["site"] for item in (north, south)] == ["north", "south"]
    assert [item["weight"] for item in (north, south)] == [0.5, 0.5]
    assert [item["site"] for item in weak_items(build, weak_sites=["south"])] == ["south"]
    assert [item["site"] for item in weak_items(build, weak_probability=0.7)] == ["north"]
    assert [item["weight"] for item in weak_items(build, weak_weight=0.25)] == [0.25, 0.25]
    placebo, other = (weak_items(build, random_boxes=True, seed=seed)[0]["boxes"] for seed in (0, 1))
    assert placebo[:, 2:].tolist() == other[:, 2:].tolist() == north["boxes"][:, 2:].tolist() == [[30, 10]]
    assert len({tuple(boxes[0, :2]) for boxes in (placebo, other, north["boxes"])}) == 3


def test_epochs_are_as_long_with_weak_masks_and_hold_their_share(build: Build) -> None:
    length = {"steps_per_epoch": 10, "batch_size": 4}
    drawn = {}
    for overlays, options in (((), {}), (("train_augmented",), {"weak_share": 0.5})):
        parser = build(*overlays, **length, **options)
        items = parser.get_parsed_content("train#dataset#data")
        drawn[overlays] = Counter(items[index]["source"] for index in parser.get_parsed_content("train#sampler"))
        assert len(parser.get_parsed_content("train#dataloader")) == 10
    assert drawn == {
        (): {"boxes": 30, "normal": 10},
        ("train_augmented",): {"boxes": 10, "normal": 10, "weak": 20},
    }


def test_the_weight_goes_to_the_loss_with_the_label(build: Build) -> None:
    parser = build("train_augmented", weak_weight=0.25)
    transform = parser.get_parsed_content("train#preprocessing")
    weak = transform(dict(parser.get_parsed_content("train#weak")[0]))["label"]
    true = transform(dict(parser.get_parsed_content("train#boxes")[0]))["label"]
    assert (weak.shape, true.shape) == ((2, 64, 64), (2, 64, 64))
    assert np.unique(weak[1]).tolist() == [0.25]
    assert np.unique(true[1]).tolist() == [1.0]
