"""From radiograph files to maps, overlays, box masks and regions in source pixels, as a bundle chains the parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import decollate_batch, list_data_collate
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    Invertd,
    Lambdad,
    LoadImaged,
    SaveImaged,
    ScaleIntensityRanged,
)
from PIL import Image
from stand_ins import LinearHead

from common.io import MaskWriter, RadiographLayout, RadiographReader
from common.localization import (
    EvidenceMapper,
    EvidenceOverlayWriter,
    EvidenceWriter,
    FindRegionsd,
    read_regions,
    region_rows,
    write_regions,
)
from common.metrics import BoxHitRateMetric, PointingGameMetric, box_overlap
from common.transforms import CropToLungsd, Shrinkd

#: Columns x rows of each film, and where it has a bright square.
FILMS = {"a.png": ((400, 300), (250, 90, 60, 40)), "b/c.png": ((200, 360), (40, 200, 48, 64))}


def _brightness() -> LinearHead:
    """A network whose score is the mean brightness."""
    network = LinearHead().eval()
    with torch.no_grad():
        for conv in (network.trunk[0], network.trunk[4]):
            conv.weight.zero_()
            conv.bias.zero_()
            conv.weight[0, 0, 1, 1] = 1
        network.linear.weight.zero_()
        network.linear.weight[1, 0] = 1
    return network


def _films(folder: Path) -> list[dict[str, object]]:
    items: list[dict[str, object]] = []
    for name, ((width, height), (x, y, w, h)) in FILMS.items():
        pixels = np.full((height, width), 20, dtype=np.uint8)
        pixels[::7, ::5] = 30
        pixels[y : y + h, x : x + w] = 230
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        lungs = torch.zeros(1, width, height)
        lungs[0, width // 10 : -width // 10, height // 5 : -height // 8] = 1
        items.append({"image": str(path), "lungs": lungs})
    return items


@pytest.mark.parametrize("method", ["crm", "grad_cam_pp"])
def test_boxes_lie_on_the_evidence_in_source_pixels(tmp_path: Path, method: str) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    preprocessing = Compose(
        [
            LoadImaged("image", reader=RadiographReader()),
            EnsureChannelFirstd("image"),
            CropToLungsd("image", "lungs"),
            Shrinkd("image", (96, 96)),
            ScaleIntensityRanged("image", 20, 230, 0, 1, clip=True),
        ]
    )
    layouts = {name: RadiographLayout(out, source, name) for name in ("evidence", "overlay", "regions")}

    def save(key: str, writer: type[MaskWriter], postfix: str) -> SaveImaged:
        return SaveImaged(
            key,
            writer=writer,
            output_ext=".png",
            output_dtype=None,
            folder_layout=layouts[postfix],
            resample=False,
            print_log=False,
        )

    postprocessing = Compose(
        [
            Lambdad("pred", lambda logits: logits.softmax(0)[1]),
            Invertd("evidence", preprocessing, "image", nearest_interp=False),
            FindRegionsd("evidence", "pred", "lungs", rule="fraction", value=0.5),
            save("evidence", EvidenceWriter, "evidence"),
            save("evidence", EvidenceOverlayWriter, "overlay"),
            save("evidence_region_mask", MaskWriter, "regions"),
        ]
    )
    items = _films(source)
    batch = list_data_collate([{"image": preprocessing(item)["image"]} for item in items])
    logits, maps = EvidenceMapper(_brightness(), method)(batch["image"])
    done = [
        postprocessing({**item, "lungs": source_item["lungs"]})
        for item, source_item in zip(
            decollate_batch({"image": batch["image"], "pred": logits, "evidence": maps}), items, strict=True
        )
    ]

    write_regions(
        out / "regions.json", {name: item["evidence_regions"] for name, item in zip(FILMS, done, strict=True)}
    )
    regions = read_regions(out / "regions.json")
    for name, ((width, height), square) in FILMS.items():
        (region,) = regions[name]
        assert box_overlap([region.box], [square])[0, 0] > 0.6, region
        picture = np.asarray(Image.open(layouts["evidence"].path(source / name)))
        assert picture.shape == (height, width)
        assert picture.max() == pytest.approx(255, abs=2)
        row, column = np.unravel_index(picture.argmax(), picture.shape)
        assert square[0] <= column < square[0] + square[2]
        assert square[1] <= row < square[1] + square[3]
        mask = np.asarray(Image.open(layouts["regions"].path(source / name)))
        x, y, w, h = region.box
        assert mask.sum() == 255 * w * h
        assert (mask[y : y + h, x : x + w] == 255).all()
        assert Image.open(layouts["overlay"].path(source / name)).size == (width, height)
    truth = [torch.tensor([square]) for _, square in FILMS.values()]
    pointing, hits = PointingGameMetric(), BoxHitRateMetric([0.5])
    pointing([item["evidence"] for item in done], truth)
    hits([region_rows(item["evidence_regions"]) for item in done], truth)
    assert pointing.aggregate() == 1
    assert hits.aggregate() == 1
