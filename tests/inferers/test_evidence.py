"""A classifier's scores and evidence in one call, and taken apart again."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from monai.data import MetaTensor, decollate_batch

from common.errors import UsageError
from common.inferers import EvidenceInferer, MixedPrecisionInferer, OpenVINOInferer, refuse_without_evidence
from common.localization import EvidenceMapper
from common.networks import PooledClassifier
from common.transforms import UnpackEvidenced


class Patches(PooledClassifier):
    """Means of 8 x 8 patches as maps."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(4, 2, 0.0)
        self.conv = torch.nn.Conv2d(1, 4, 8, stride=8)
        torch.nn.init.normal_(self.fc.weight)
        self.passes = 0

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        return self.conv(x).relu()


@pytest.mark.parametrize("method", ["crm", "grad_cam_pp"])
def test_scores_are_the_networks_and_maps_the_mappers(method: str) -> None:
    network, images = Patches().eval(), torch.rand(3, 1, 32, 48)
    found = EvidenceInferer(method)(images, network)
    assert network.passes == 1
    with torch.no_grad():
        torch.testing.assert_close(found["logits"], network(images))
    _, maps = EvidenceMapper(network, method)(images)
    torch.testing.assert_close(found["evidence"], maps)
    assert found["evidence"].shape == images.shape


def test_number_and_strength_of_the_noisy_copies_are_the_mappers() -> None:
    network, images = Patches().eval(), torch.rand(1, 1, 32, 32)
    found = EvidenceInferer("smooth_saliency", samples=2, noise=0.4)(images, network)["evidence"]
    torch.testing.assert_close(found, EvidenceMapper(network, "smooth_saliency", samples=2, noise=0.4)(images)[1])
    for other in ({"samples": 3, "noise": 0.4}, {"samples": 2, "noise": 0.1}):
        assert not torch.equal(found, EvidenceMapper(network, "smooth_saliency", **other)(images)[1])


def test_reduced_precision_is_close() -> None:
    network, images = Patches().eval(), torch.rand(2, 1, 32, 32)
    precise, rough = EvidenceInferer("cam")(images, network), EvidenceInferer("cam", amp=True)(images, network)
    assert rough["evidence"].dtype == torch.float32
    torch.testing.assert_close(rough["logits"], precise["logits"], atol=0.05, rtol=0.05)
    assert not torch.equal(rough["logits"], precise["logits"])


def test_another_network_gets_its_own_maps() -> None:
    inferer, images = EvidenceInferer("cam"), torch.rand(1, 1, 32, 32)
    first, second = Patches().eval(), Patches().eval()
    with torch.no_grad():
        second.fc.weight.neg_()
    assert not torch.equal(inferer(images, first)["evidence"], inferer(images, second)["evidence"])
    assert (first.passes, second.passes) == (1, 1)


def test_a_method_that_the_network_cannot_give_is_refused() -> None:
    with pytest.raises(UsageError, match="evidence method 'gradcam': choose one of"):
        EvidenceInferer("gradcam")(torch.rand(1, 1, 32, 32), Patches())


def test_a_prediction_is_taken_apart_item_by_item() -> None:
    images = MetaTensor(torch.rand(2, 1, 32, 32))
    pred = EvidenceInferer("cam")(images, Patches().eval())
    items = decollate_batch({"image": images, "pred": pred})
    out = [UnpackEvidenced()(item) for item in items]
    for index, item in enumerate(out):
        assert torch.equal(torch.as_tensor(item["pred"]), torch.as_tensor(pred["logits"][index]))
        assert item["evidence"].shape == (1, 32, 32)
        assert torch.equal(torch.as_tensor(item["evidence"]), torch.as_tensor(pred["evidence"][index]))


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="the extra openvino is not installed")
@pytest.mark.parametrize("method", ["cam", "crm", "signed_crm", "grad_cam", "grad_cam_pp", "grad_cam_pp_exp"])
def test_another_runtime_gives_the_same_scores_and_maps(method: str) -> None:
    network = Patches().eval()
    images = MetaTensor(torch.rand(3, 1, 32, 48), meta={"filename_or_obj": "a.png"})
    expected = EvidenceInferer(method)(images, network)
    inferer = EvidenceInferer(method, runtime=OpenVINOInferer("f32"))
    found = inferer(images, network)
    passes = network.passes
    torch.testing.assert_close(found["logits"], expected["logits"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found["evidence"], expected["evidence"], atol=1e-3, rtol=1e-3)
    assert isinstance(found["evidence"], MetaTensor)
    assert found["evidence"].meta["filename_or_obj"] == "a.png"
    inferer(images, network)
    assert network.passes == passes, "once compiled, nothing runs in torch but the head"


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="the extra openvino is not installed")
def test_what_needs_gradients_of_the_convolutions_is_refused_with_a_runtime() -> None:
    message = "needs gradients of the convolutions, which OpenVINOInferer does not"
    with pytest.raises(UsageError, match=f"^smooth_saliency {message}"):
        EvidenceInferer("smooth_saliency", runtime=OpenVINOInferer("f32"))
    with pytest.raises(UsageError, match=f"^grad_cam at layer 'conv' {message}"):
        EvidenceInferer("grad_cam", layer="conv", runtime=OpenVINOInferer("f32"))


def test_a_network_without_class_weights_lacks_them_in_another_runtime_too() -> None:
    class Bare(Patches):
        @property
        def class_weights(self) -> torch.Tensor:
            raise AttributeError("none")

    with pytest.raises(UsageError, match=r"crm needs a head of .*, which Bare lacks"):
        EvidenceInferer("crm")(torch.rand(1, 1, 32, 32), Bare())


def test_an_inferer_of_logits_alone_is_refused() -> None:
    refuse_without_evidence(EvidenceInferer("cam"))
    with pytest.raises(UsageError, match=r"^MixedPrecisionInferer gives no evidence maps: .* localize\.yaml must come"):
        refuse_without_evidence(MixedPrecisionInferer())
