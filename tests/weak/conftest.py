"""A small data folder, a classifier that sees bright places, and the four stages on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bright_films import BrightAndDark, disc
from monai.transforms import Compose, EnsureChannelFirstd, EnsureTyped, LoadImaged, ScaleIntensityRanged
from PIL import Image

from common.io import RadiographReader
from common.networks import EfficientNetLiteFeatures, IRNet
from common.transforms import Shrinkd
from common.weak import AffinityLoss, CRFStage, IRNetStage, MaskStage, PseudoLabels, SeedStage, labelled_images

SIDE = 96


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Grey pictures of 120 x 100: a bright disc where tb is 1, a dark one where old is 1."""
    folder = tmp_path / "data"
    (folder / "films").mkdir(parents=True)
    lines = ["dataset,image,tb,old,cls_split,lung_mask"]
    random = np.random.default_rng(0)
    for number, (tb, old) in enumerate([(1, 0), (1, 1), (0, 0), (1, 0), (0, 1), (1, 1)]):
        picture = random.normal(128, 2, (120, 100))
        if tb:
            picture[disc(picture.shape, (40, 30 + 4 * number), 18)] = 240
        if old:
            picture[disc(picture.shape, (90, 60), 15)] = 15
        Image.fromarray(picture.round().astype(np.uint8)).save(folder / "films" / f"{number}.png")
        lines.append(f"here,films/{number}.png,{tb},{old},train,secret.png")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save(BrightAndDark().state_dict(), tmp_path / "classifier.pt")
    return tmp_path / "classifier.pt"


@pytest.fixture
def pseudo_labels(data: Path, weights: Path, tmp_path: Path) -> Callable[..., PseudoLabels]:
    """Function that builds the four stages; its options override theirs."""

    def build(
        output: str = "out",
        classes: tuple[str, ...] = ("tb",),
        foreground: float = 0.3,
        scales: tuple[float, ...] = (1.0,),
        epochs: int = 1,
        threshold: float = 0.25,
        write_steps: bool = False,
        displacements: bool = True,
        cache_maps: bool = False,
        walk_radius: int = 5,
        walk_beta: float = 10.0,
        steps: int = 0,  # a boundary network of one epoch knows no boundaries: evidence stays where it is
        **options: Any,
    ) -> PseudoLabels:
        torch.manual_seed(0)
        preprocessing = Compose(
            [
                LoadImaged("image", reader=RadiographReader),
                EnsureChannelFirstd("image"),
                Shrinkd("image", (SIDE, SIDE)),
                ScaleIntensityRanged("image", 0, 255, 0, 1),
                EnsureTyped("image", dtype=torch.float32),
            ]
        )
        folder = tmp_path / output
        images = labelled_images(data, classes)
        seeds = SeedStage(
            folder,
            images,
            data,
            preprocessing,
            BrightAndDark(),
            weights,
            {"scales": scales},
            targets=range(1, len(classes) + 1),
            method="cam",
            scales=scales,
        )
        crf = CRFStage(folder, seeds, foreground, engine="grid")
        network = IRNet(EfficientNetLiteFeatures(), displacements)
        branches = [parameter for parameter in network.parameters() if parameter.requires_grad]
        irnet = IRNetStage(
            folder,
            crf,
            network,
            AffinityLoss(radius=4),
            torch.optim.SGD(branches, lr=0.01, momentum=0.9),
            {"epochs": epochs},
            epochs=epochs,
            batch_size=2,
            cache_maps=cache_maps,
            show_progress=False,
        )
        masks = MaskStage(
            folder,
            irnet,
            images,
            classes,
            preprocessing,
            threshold=threshold,
            radius=walk_radius,
            beta=walk_beta,
            steps=steps,
            write_steps=write_steps,
        )
        return PseudoLabels([seeds, crf, irnet, masks], **options)

    return build
