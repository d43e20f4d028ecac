"""What the evidence mapper refuses, in one line that names what there is."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets import DenseNet121
from stand_ins import DeepHead, LinearHead, Opaque, images
from torch import nn

from common.errors import UsageError
from common.localization import EvidenceMapper


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        (LinearHead, {"method": "gradcam"}, "evidence method 'gradcam': choose one of cam, crm, signed_crm, grad_cam,"),
        (LinearHead, {"score": "odds"}, "evidence score 'odds': choose one of log_odds, logit"),
        (LinearHead, {"samples": 0}, "samples >= 1"),
        (
            DeepHead,
            {"method": "crm"},
            "crm needs a head of .* which DeepHead lacks; it can give grad_cam, grad_cam_pp,",
        ),
        (
            Opaque,
            {"method": "cam"},
            "cam needs pooled maps, which Opaque lacks; it can give saliency, smooth_saliency;",
        ),
        (Opaque, {}, "it can give saliency, smooth_saliency; grad_cam, .* where a layer is named"),
        (
            LinearHead,
            {"layer": "trunk.66"},
            r"no layer 'trunk.66' in LinearHead \(did you mean 'trunk.6'\?\); its layers: ",
        ),
        (LinearHead, {"layer": "x"}, "its layers: trunk, trunk.0, .*, trunk.6, dropout, linear, unused$"),
        (LinearHead, {"method": "crm", "layer": "trunk"}, "crm looks at no layer; grad_cam, grad_cam_pp, .* do"),
    ],
)
def test_requests_that_cannot_be_met(network: type[nn.Module], arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        EvidenceMapper(network(), **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": "linear"}, r"layer 'linear' gives \[3, 2\]; evidence maps need a layer that gives \[B, C, h, w\]"),
        ({"layer": "unused"}, "layer 'unused' has no part in the forward pass of LinearHead"),
        ({"method": "cam", "target": 2}, "target 2: the network has the classes 0 to 1"),
        ({"target": 2}, "target 2: the network has the classes 0 to 1"),
    ],
)
def test_what_only_the_forward_pass_shows(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        EvidenceMapper(LinearHead(), **arguments)(images())


def test_a_score_without_gradients() -> None:
    network = DeepHead()
    network.forward_head = torch.no_grad()(network.forward_head)
    with pytest.raises(UsageError, match="the class score does not depend on the pooled maps by operations that have"):
        EvidenceMapper(network, "grad_cam")(images())


def test_the_message_on_a_large_network_lists_its_outer_layers() -> None:
    network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=2, init_features=8, growth_rate=4)
    with pytest.raises(UsageError, match=r"features.denseblock4, .* and those within them$") as error:
        EvidenceMapper(network, "grad_cam", layer="denseblock4")
    assert len(str(error.value)) < 600
