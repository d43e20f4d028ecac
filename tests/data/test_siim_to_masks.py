"""From the SIIM-ACR distribution as it is published to masks from its image labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import run
from PIL import Image
from test_prepare_siim import SHAPE, SIIM, distribution, image_id

from common.data.prepare import prepare
from common.networks import EfficientNetLite
from common.weak import labelled_images, pseudo_mask_items

__all__ = ["distribution"]
pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR AS")
ROOT = Path(__file__).resolve().parents[2] / "bundles" / "tb_seg"


def test_masks_of_pneumothorax(distribution: Path, tmp_path: Path, film: Callable) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    prepare(SIIM, distribution, data)
    images = labelled_images(data, ["pneumothorax"])
    assert [image.present for image in images] == [(False,), (True,), (True,)]
    torch.manual_seed(0)
    torch.save(EfficientNetLite().state_dict(), tmp_path / "classifier.pt")

    run(
        bundle_root=str(ROOT),
        config_file=str(ROOT / "configs" / "pseudo_labels.yaml"),
        logging_file=False,
        dataset_dir=str(data),
        output_dir=str(out),
        classes=["pneumothorax"],
        splits="$None",
        classifier_weights=str(tmp_path / "classifier.pt"),
        trunk_weights=str(tmp_path / "classifier.pt"),
        image_size=[96, 96],
        lung_crop=False,
        cam_scales=[1.0],
        cam_flip=False,
        irnet_epochs=1,
        num_workers=0,
        show_progress=False,
    )

    table = pd.read_csv(out / "masks" / "index.csv", dtype=str, keep_default_na=False)
    assert table["pneumothorax"].tolist() == ["0", "1", "1"]
    assert table["image"].tolist() == [f"siim/images/{image_id(number)}.png" for number in range(3)]
    for _, row in table.iterrows():
        mask = np.asarray(Image.open(out / "masks" / row["lesion_mask"]))
        assert mask.shape == SHAPE
        assert (mask == 255).any() == (row["pneumothorax"] == "1")
    items = pseudo_mask_items(out / "masks", data)
    assert [item["source"] for item in items] == ["normal", "weak", "weak"]
    assert len({item["patient_id"] for item in items}) == 3
