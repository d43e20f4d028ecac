"""``python -m common.quality fit BUNDLE DATA``: find the limits of the quality rules."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..data.lung_items import lung_items
from ..inference_config import add_inference_arguments, read_inference
from ..io import file_sha256
from ..verbs import Verbs
from .collect import collect_views
from .fit import fit_reference

LIMITS = ("chest_limit", "doubtful_limit", "mirror_limit", "shape_limit", "area_low", "area_high", "confidence_limit")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the verb; see :meth:`common.verbs.Verbs.main`."""
    verbs = Verbs(
        "common.quality",
        "Means and weights come from the training list, limits from the training and validation lists. To be run again "
        "whenever the weights change.",
        "Exit status: 0 done, 1 not done (the reason is printed), 2 wrong arguments.",
    )
    text = "find what training radiographs look like, and the limits beyond which a radiograph is flagged"
    fit = verbs.add("fit", run_fit, text)
    add_inference_arguments(fit)
    fit.add_argument("--output", type=Path, help="file to write (default: BUNDLE/models/quality.json)")
    return verbs.main(arguments)


def run_fit(options: argparse.Namespace) -> int:
    """Look at both lists and write the reference."""
    overrides = {"amp": True, "quality_flags": True} | ({"weights": options.weights} if options.weights else {})
    config = read_inference(options.bundle_root, options.config_file, overrides)
    lists = {
        split: lung_items(options.dataset_dir, split_column=options.split_column, splits=[split])
        for split in ("train", "val")
    }
    views = {split: collect_views(config, items, name=split) for split, items in lists.items()}
    origin = {
        "weights_sha256": file_sha256(config.get_parsed_content("weights")),
        "split_column": options.split_column,
        **{split: len(items) for split, items in lists.items()},
    }
    reference = fit_reference(views["train"], views["val"], origin)
    output = options.output or options.bundle_root / "models" / "quality.json"
    reference.save(output)
    for name in LIMITS:
        print(f"{name:17} {getattr(reference, name):.4g}")
    print(f"{len(lists['train'])} training and {len(lists['val'])} validation radiographs: {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
