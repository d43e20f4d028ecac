"""The overlay that trains on masks from image labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from monai.bundle import ConfigParser, ConfigWorkflow
from PIL import Image

from common.data import lesion_normals, read_index, write_phantom_dataset

CONFIGS = Path(__file__).resolve().parents[2] / "bundles" / "tb_seg" / "configs"


def test_training_and_validation_take_the_masks_as_they_lie(tmp_path: Path) -> None:
    data, masks = tmp_path / "data", tmp_path / "masks"
    write_phantom_dataset(data, 6, size=(128, 96))
    masks.mkdir()
    (masks / "stage.json").write_text(json.dumps({"inputs": {"settings": {"classes": ["tb"]}}}))
    lines = ["dataset,image,tb,cls_split,lesion_mask"]
    for number, row in enumerate(read_index(data).itertuples()):
        picture = np.zeros((128, 96), np.uint8)
        if row.tb == "1":
            picture[14:28, 12 : 24 + 4 * number] = 255  # rows first: high up on the picture's left
        Image.fromarray(picture).save(masks / f"{number}.png")
        lines.append(f"{row.dataset},{row.image},{row.tb},{row.cls_split},{number}.png")
    (masks / "index.csv").write_text("\n".join(lines))

    workflow = ConfigWorkflow(
        config_file=[str(CONFIGS / "train.yaml"), str(CONFIGS / "train_pseudo.yaml")],
        workflow_type="train",
        logging_file=False,
        bundle_root=str(CONFIGS.parent),
        dataset_dir=str(data),
        mask_dir=str(masks),
        output_dir=str(tmp_path / "run"),
        image_size=[96, 128],
        lung_crop=False,
        cache_rate=0.0,
        normal_share=0.0,
        encoder_weights=None,
    )
    workflow.initialize()

    training = workflow.parser.get_parsed_content("train#dataset#data")
    assert sorted(Path(item["label"]).name for item in training) == ["0.png", "3.png", "4.png", "5.png"]
    (held_out,) = workflow.parser.get_parsed_content("validate#dataset#data")
    assert Path(held_out["label"]).name == "1.png"
    item = workflow.parser.get_parsed_content("validate#preprocessing")(dict(held_out))
    expected = torch.zeros(1, 96, 128)  # arrays have the picture's columns first
    expected[0, 12:28, 14:28] = 1
    assert torch.equal(item["label"].as_tensor(), expected)
    assert item["image"].shape == expected.shape

    normal = next(item for item in training if item["source"] == "normal")
    assert not workflow.parser.get_parsed_content("validate#preprocessing")({**normal})["label"].any()
    more = lesion_normals(data, split_column="cls_split", splits=["train"])
    assert not workflow.parser.get_parsed_content("validate#preprocessing")(more[0])["label"].any()
    workflow.finalize()


def test_normal_films_can_be_those_of_other_lists(tmp_path: Path) -> None:
    files = [str(CONFIGS / "train.yaml"), str(CONFIGS / "train_pseudo.yaml")]
    for other, disabled in ((True, False), (False, True)):
        parser = ConfigParser({**ConfigParser.load_config_files(files), "other_normals": other})
        assert parser.get_parsed_content("train#normals#_disabled_") is disabled
