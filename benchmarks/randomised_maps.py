"""Whether the evidence maps of the shipped classifier show what it learnt: they must go when its weights are shuffled.

    python -m benchmarks.randomised_maps --data DATA --images 10 --seeds 3

Model parameter randomisation (Adebayo et al., NeurIPS 2018, section 3) on radiographs of a list. A map of shuffled
weights should be no more like the map than that of another radiograph by the network as it is, which stands beside it:
maps of two chests are alike to some degree whatever they show.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from skimage.metrics import structural_similarity
from torch import nn

from benchmarks.localization import built
from benchmarks.runtimes import BUNDLES
from common.data.class_items import spread
from common.data.index import read_index, select
from common.inference_config import read_inference
from common.localization import EvidenceMapper, randomisation_check
from common.localization.randomisation import rank_correlation

METHODS = ("cam", "crm", "signed_crm", "grad_cam", "grad_cam_pp", "saliency")


def similarity(network: nn.Module, images: torch.Tensor, method: str, seeds: int) -> dict[str, float]:
    """Mean likeness of each image's map to that of shuffled weights, and to that of the next image.

    Args:
        network: classifier in evaluation mode.
        images: network inputs [images, 1, W, H], two or more.
        method: one of :data:`common.localization.METHODS`.
        seeds: how often the weights are shuffled.
    """
    make = partial(EvidenceMapper, method=method)
    steps = [randomisation_check(make, network, images, "whole", seed)[0] for seed in range(seeds)]
    maps = make(network)(images)[1][:, 0].double().numpy()
    pairs = list(zip(maps, np.roll(maps, 1, axis=0), strict=True))
    return {
        "shuffled, rank": float(np.mean([step.rank_correlation for step in steps])),
        "next image, rank": float(np.mean([rank_correlation(*pair) for pair in pairs])),
        "shuffled, SSIM": float(np.mean([step.ssim for step in steps])),
        "next image, SSIM": float(np.mean([structural_similarity(*pair, data_range=1.0) for pair in pairs])),
    }


def inputs(data: Path, split_column: str, split: str, count: int) -> torch.Tensor:
    """Network inputs [images, 1, W, H] of radiographs with TB, spread over a list."""
    rows = select(read_index(data), split_column=split_column, splits=[split])
    names = spread([{"image": str(data / name)} for name in rows[rows["tb"] == "1"]["image"]], count)
    preprocessing = read_inference(BUNDLES / "tb_cls").get_parsed_content("preprocessing")
    return torch.stack([preprocessing(item)["image"].as_tensor() for item in names])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table in Markdown."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--data", type=Path, required=True, help="folder with an index.csv")
    options.add_argument("--split_column", default="det_split", help="column of the lists (default: det_split)")
    options.add_argument("--split", default="val", help="which list (default: val)")
    options.add_argument("--images", type=int, default=10, help="how many radiographs (default: 10)")
    options.add_argument("--seeds", type=int, default=3, help="how often weights are shuffled (default: 3)")
    options.add_argument("--methods", nargs="+", default=METHODS, metavar="METHOD", help="which maps (default: all)")
    chosen = options.parse_args(arguments)

    network, images = built("shipped"), inputs(chosen.data, chosen.split_column, chosen.split, chosen.images)
    for number, method in enumerate(chosen.methods):
        row = similarity(network, images, method, chosen.seeds)
        if not number:
            print(f"| method | {' | '.join(row)} |\n| --- |{' ---: |' * len(row)}")
        print(f"| {method} | {' | '.join(f'{value:.2f}' for value in row.values())} |", flush=True)


if __name__ == "__main__":
    main()
