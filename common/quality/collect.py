"""Views of the radiographs of a list, through a bundle's own inference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.utils import CommonKeys
from tqdm import tqdm

from ..errors import UsageError
from ..handlers.load_weights import load_weights
from .transform import AssessQualityd
from .view import View, view

_BATCH = 8


def collect_views(parser: ConfigParser, items: Sequence[dict[str, Any]], name: str = "") -> list[View]:
    """What the quality rules see of each item.

    Args:
        parser: see :func:`common.inference_config.read_inference`; ``quality_flags`` is on, and ``postprocessing``
            holds `AssessQualityd`.
        items: with the path of the radiograph under "image".
        name: of the progress bar.

    Raises:
        UsageError: the configuration has no step that assesses quality.
        WeightsError: no weights, or those of another network.
    """
    steps = parser.get("postprocessing#transforms", [])
    target = f"common.quality.{AssessQualityd.__name__}"
    last = next((index for index, step in enumerate(steps) if step.get("_target_") == target), None)
    if last is None:
        raise UsageError(f"the configuration has no {target} in postprocessing")
    before = [parser.get_parsed_content(f"postprocessing#transforms#{index}") for index in range(last)]
    preprocessing = parser.get_parsed_content("preprocessing")
    network, inferer = parser.get_parsed_content("network"), parser.get_parsed_content("inferer")
    load_weights(network.eval(), parser.get_parsed_content("weights"), help_text=parser.get("weights_help", ""))
    device, threshold = parser.get_parsed_content("device"), parser.get_parsed_content("threshold")
    views = []
    with torch.inference_mode():
        for start in tqdm(range(0, len(items), _BATCH), desc=name, disable=not name):
            batch = [preprocessing({CommonKeys.IMAGE: item["image"]}) for item in items[start : start + _BATCH]]
            images = torch.stack([data[CommonKeys.IMAGE].as_tensor() for data in batch])
            for data, logits in zip(batch, inferer(images.to(device), network).cpu(), strict=True):
                data[CommonKeys.PRED] = logits
                for step in before:
                    data = data if step is None else step(data)  # a disabled step is None
                views.append(view(data[CommonKeys.IMAGE], data[CommonKeys.PRED], data["confidence"], threshold))
    return views
