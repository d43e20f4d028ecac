"""Training: the images, labels and lists that it takes, and those that it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from bundle_facts import Bundle
from monai.data import DataLoader
from PIL import Image
from torch import nn
from two_lungs import picture, truth

from common.data import DataIndexError
from common.data.phantom_files import write_picture
from common.errors import UsageError


def test_an_index_that_names_missing_files_is_an_error(lung_seg: Bundle, phantoms: Path, tmp_path: Path) -> None:
    table = pd.read_csv(phantoms / "index.csv")
    (tmp_path / "data").mkdir()
    table.to_csv(tmp_path / "data" / "index.csv", index=False)
    rows = table[table["seg_split"] == "train"]
    named = rows[["image", "lung_mask", "left_lung_mask", "right_lung_mask"]].notna().to_numpy().sum()
    message = f"{tmp_path}/data/index.csv: {named} files named there do not exist: {rows['image'].iloc[0]}, "
    with pytest.raises(DataIndexError, match=re.escape(message)):
        lung_seg.train(dataset_dir=tmp_path / "data", output_dir=tmp_path / "out")


def test_a_mask_of_another_size_than_its_image_is_an_error(lung_seg: Bundle, phantoms: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    table = pd.read_csv(phantoms / "index.csv", dtype=str, keep_default_na=False)
    rows = table[table["lung_mask"] != ""].head(3).assign(seg_split=["train", "train", "val"])
    for name in [*rows["image"], *rows["lung_mask"]]:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes((phantoms / name).read_bytes())
    rows.to_csv(data / "index.csv", index=False)
    wrong = data / rows["lung_mask"].iloc[1]
    with Image.open(wrong) as mask:
        mask.resize((96, 80), Image.Resampling.NEAREST).save(wrong)
    message = f"{wrong}: the mask has 96 x 80 pixels, its image {data / rows['image'].iloc[1]} has 96 x 96"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        lung_seg.train(dataset_dir=data, output_dir=tmp_path / "out")


@pytest.mark.parametrize("form", ["mask.png", "mask.nii.gz", "mask.tif", "coloured.png", "transparent.png"])
def test_the_label_lies_on_its_image_whatever_the_format(lung_seg: Bundle, tmp_path: Path, form: str) -> None:
    mask = truth()
    write_picture(tmp_path / "a.nii.gz", picture(mask))
    grey = mask.astype(np.uint8) * 255
    if form == "coloured.png":
        coloured = Image.fromarray(mask.astype(np.uint8), mode="P")
        coloured.putpalette([0, 0, 0, 255, 60, 60])
        coloured.save(tmp_path / form)
    elif form == "transparent.png":
        Image.fromarray(np.stack([grey, grey, grey, np.full_like(grey, 255)], axis=-1)).save(tmp_path / form)
    else:
        write_picture(tmp_path / form, grey)
    options = {"dataset_dir": str(tmp_path), "output_dir": str(tmp_path), "use_tensorboard": False}
    options["train#dataset#data"] = options["validate#dataset#data"] = [{"image": "x", "label": "y", "site": "a"}]
    workflow = lung_seg.workflow("train", "train", image_size=[96, 160], cache_rate=0.0, **options)
    load = workflow.parser.get_parsed_content("validate#preprocessing")
    item = load({"image": str(tmp_path / "a.nii.gz"), "label": [str(tmp_path / form)]})
    expected = torch.from_numpy(mask.T.copy())[None]
    assert torch.equal(item["label"].as_tensor().bool(), expected)
    assert torch.equal(item["image"].as_tensor() > 0.5, expected)


def test_training_on_what_is_validated_on_is_an_error(bundle: Bundle, phantoms: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 training images are held out as well"):
        bundle.train(dataset_dir=phantoms, output_dir=tmp_path, train_splits=["train", "val"])
    assert not (tmp_path / "models").exists()


def test_the_training_loader_draws_every_site(bundle: Bundle, phantoms: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": str(phantoms), "output_dir": str(tmp_path), "use_tensorboard": False, **bundle.small}
    workflow = bundle.workflow("train", "train", **options, batch_size=4)
    loader = workflow.parser.get_parsed_content("train#dataloader")
    assert isinstance(loader, DataLoader)
    steps = bundle.small.get("steps_per_epoch")
    assert [len(batch["image"]) for batch in loader] == ([4, 2] if steps is None else [4] * steps)
    assert isinstance(workflow.parser.get_parsed_content("network"), nn.Module)
