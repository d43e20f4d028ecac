"""``python -m common.inferers quantize BUNDLE DATA``: a bundle's network in integers of 8 bits."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from monai.utils import CommonKeys
from tqdm import tqdm

from ..data.class_items import spread
from ..data.index import read_index, select
from ..errors import UsageError
from ..inference_config import add_inference_arguments, read_inference
from ..networks.weights import load_weights
from ..verbs import Verbs
from .quantize import quantize


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the verb; see :meth:`common.verbs.Verbs.main`."""
    verbs = Verbs(
        "common.inferers",
        "The ranges of the activations are taken from some radiographs of the training list; no weight is trained. To "
        "be run again whenever the weights change, and to be measured: integers round.",
        "Exit status: 0 done, 1 not done (the reason is printed), 2 wrong arguments.",
    )
    text = "write the network of a bundle in integers of 8 bits, for configs/inference_int8.yaml"
    verb = verbs.add("quantize", run_quantize, text)
    add_inference_arguments(verb)
    verb.add_argument(
        "--sites", nargs="+", metavar="SITE", help="sites of the training list to look at (default: all that it has)"
    )
    verb.add_argument("--images", type=int, default=24, help="radiographs to look at (default: 24)")
    verb.add_argument("--output", type=Path, help="file to write (default: BUNDLE/models/model_int8.xml)")
    return verbs.main(arguments)


def run_quantize(options: argparse.Namespace) -> int:
    """Look at the radiographs and write the model."""
    if options.images < 1:
        raise UsageError(f"--images: expected 1 or more, got {options.images}")
    overrides = {"weights": options.weights} if options.weights else {}
    config = read_inference(options.bundle_root, options.config_file, {**overrides, "device": "$torch.device('cpu')"})
    network = config.get_parsed_content("network").eval()
    load_weights(network, config.get_parsed_content("weights"), help_text=config.get("weights_help", ""))
    rows = select(
        read_index(options.dataset_dir), sites=options.sites, split_column=options.split_column, splits=["train"]
    )
    items = spread([{CommonKeys.IMAGE: str(options.dataset_dir / name)} for name in rows["image"]], options.images)
    preprocessing = config.get_parsed_content("preprocessing")
    images = [
        torch.as_tensor(preprocessing(item)[CommonKeys.IMAGE]) for item in tqdm(items, desc="radiographs", unit="image")
    ]
    output = options.output or options.bundle_root / "models" / "model_int8.xml"
    quantize(network, images, output)
    size = sum(file.stat().st_size for file in (output, output.with_suffix(".bin")))
    print(f"{output}: {size:,} bytes with its .bin, ranges from {len(images)} radiographs of the training list")
    return 0


if __name__ == "__main__":
    sys.exit(main())
