"""Evidence maps from a handler: those of the mapper, in time for the post-processing, of any evaluator."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from monai.data import MetaTensor
from monai.engines import SupervisedEvaluator
from monai.inferers import Inferer
from monai.transforms import Compose
from stand_ins import DeepHead, LinearHead, images
from torch import nn

from common.errors import UsageError
from common.localization import EvidenceHandler, EvidenceMapper, FindRegionsd


class Elsewhere(Inferer):
    """Logits that come from another runtime: the network is not called."""

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:
        return torch.tensor([[0.0, 1.0]] * len(inputs))


def outputs_of(network: nn.Module, inferer: Inferer | None, handler: EvidenceHandler, steps: list[Any]) -> list[Any]:
    found: list[Any] = []

    def keep(item: Any) -> Any:
        found.append(item)
        return item

    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=[{"image": MetaTensor(images())}],
        network=network,
        inferer=inferer,
        postprocessing=Compose([*steps, keep]),
        val_handlers=[handler],
    )
    evaluator.run()
    return found


@pytest.mark.parametrize("inferer", [None, Elsewhere()])
@pytest.mark.parametrize("method", ["crm", "grad_cam_pp", "saliency"])
def test_every_image_has_its_map_before_the_post_processing(method: str, inferer: Inferer | None) -> None:
    network = LinearHead().eval()
    expected = EvidenceMapper(network, method)(images())[1]
    network.calls = 0
    found = outputs_of(network, inferer, EvidenceHandler(network, method), [])
    assert network.calls == (2 if inferer is None else 1)
    assert len(found) == len(expected)
    for item, evidence in zip(found, expected, strict=True):
        assert torch.equal(item["evidence"].as_tensor(), evidence)
        assert item["pred"].shape == (2,)


def test_regions_are_found_in_the_maps() -> None:
    network = LinearHead().eval()
    found = outputs_of(network, None, EvidenceHandler(network, "crm", key="maps"), [FindRegionsd("maps", min_area=0)])
    strongest = [int(item["maps"].argmax()) for item in found]
    for item, place in zip(found, strongest, strict=True):
        x, y = divmod(place, item["maps"].shape[2])
        assert any(
            left <= x < left + width and top <= y < top + height
            for left, top, width, height in (region.box for region in item["maps_regions"])
        )


def test_what_a_network_cannot_give_is_refused_before_the_run() -> None:
    with pytest.raises(UsageError, match=r"^crm needs "):
        EvidenceHandler(DeepHead(), "crm")
    with pytest.raises(UsageError, match=r"^no layer 'trunc'"):
        EvidenceHandler(LinearHead(), "grad_cam", layer="trunc")
