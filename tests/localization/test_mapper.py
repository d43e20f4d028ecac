"""The evidence mapper: one forward pass, the network left as it was, batches, precision."""

from __future__ import annotations

import copy

import pytest
import torch
from monai.data import MetaTensor, decollate_batch, list_data_collate
from monai.networks.nets import DenseNet121
from monai.visualize import SmoothGrad, VanillaGrad
from stand_ins import DeepHead, LinearHead, images
from torch import nn

from common.errors import UsageError
from common.localization import METHODS, EvidenceMapper, class_relevance_map, grad_cam

LINEAR = ("cam", "crm", "signed_crm")
BY_MAPS = ("grad_cam", "grad_cam_pp", "grad_cam_pp_exp")
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def _network(method: str, **arguments: int) -> LinearHead:
    return (LinearHead if method in LINEAR else DeepHead)(**arguments)


def _mapper(network: nn.Module, method: str, **arguments: object) -> EvidenceMapper:
    return EvidenceMapper(network, method, samples=3, **arguments)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", METHODS)
def test_logits_and_maps(method: str, device: str) -> None:
    network = _network(method).to(device).eval()
    batch = images().to(device)
    logits, maps = _mapper(network, method)(batch)
    torch.testing.assert_close(logits, network(batch).detach())
    assert maps.shape == batch.shape
    assert (logits.dtype, maps.dtype, maps.device) == (torch.float32, torch.float32, batch.device)
    assert not maps.requires_grad
    assert not logits.requires_grad
    assert maps.amin() >= 0
    assert maps.amax((1, 2, 3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("method", [*LINEAR, *BY_MAPS])
def test_one_forward_pass_of_the_backbone(method: str) -> None:
    network = _network(method)
    _mapper(network, method)(images())
    assert network.calls == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_equals_its_images_one_by_one(method: str) -> None:
    mapper = _mapper(_network(method), method)
    batch = images() * torch.tensor([1.0, 0.2, 3.0])[:, None, None, None]
    logits, maps = mapper(batch)
    for index in range(3):
        one_logits, one_map = mapper(batch[index : index + 1])
        torch.testing.assert_close(one_logits[0], logits[index])
        torch.testing.assert_close(one_map[0], maps[index], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "layer"), [*((method, None) for method in METHODS), *((method, "trunk.4") for method in BY_MAPS)]
)
def test_the_network_is_left_as_it_was(method: str, layer: str | None) -> None:
    network = _network(method)
    network.train()
    network.trunk[1].eval()  # a frozen batch norm in a network that trains
    network.trunk[0].weight.requires_grad_(False)
    network(images()).sum().backward()
    state = copy.deepcopy(network.state_dict())
    grads = {name: None if p.grad is None else p.grad.clone() for name, p in network.named_parameters()}
    modes = {name: module.training for name, module in network.named_modules()}
    batch = images()
    _mapper(network, method, layer=layer)(batch)
    assert {name: module.training for name, module in network.named_modules()} == modes
    assert not network.trunk[0].weight.requires_grad
    assert network.linear.weight.requires_grad
    for name, parameter in network.named_parameters():
        assert (parameter.grad is None) == (grads[name] is None)
        assert parameter.grad is None or torch.equal(parameter.grad, grads[name])
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in network.modules())
    assert torch.equal(batch, images())
    assert not batch.requires_grad
    assert torch.is_grad_enabled()


def test_a_failing_network_is_left_as_it_was_too() -> None:
    network = DeepHead()
    network.train()
    for mapper in (EvidenceMapper(network, "grad_cam", layer="linear"), EvidenceMapper(network, "saliency", target=4)):
        with pytest.raises(UsageError):
            mapper(images())
    assert all(module.training for module in network.modules())
    assert not network.linear._forward_hooks


@pytest.mark.parametrize("method", METHODS)
def test_the_callers_gradient_mode_does_not_matter(method: str) -> None:
    mapper = _mapper(_network(method), method)
    expected = mapper(images())[1]
    with torch.no_grad():
        torch.testing.assert_close(mapper(images())[1], expected)
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        torch.testing.assert_close(mapper(images() + 0)[1], expected)
        assert torch.is_inference_mode_enabled()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", [*METHODS, "layer"])
def test_autocast_gives_nearly_the_same_map(method: str, device: str) -> None:
    layer = "trunk.4" if method == "layer" else None
    mapper = _mapper(_network(method).to(device), "grad_cam_pp" if layer else method, layer=layer)
    batch = images().to(device)
    expected = mapper(batch)[1]
    with torch.autocast(device, dtype=torch.bfloat16):
        logits, maps = mapper(batch)
    assert (logits.dtype, maps.dtype) == (torch.float32, torch.float32)
    # A maximum among nearly equal pixels may move to its neighbour, and the gradient by the image with it.
    assert (maps - expected).abs().mean() < 0.02
    pair = torch.stack([maps.flatten(), expected.flatten()])
    assert torch.corrcoef(pair)[0, 1] > (0.9 if "saliency" in method else 0.99)


def test_a_network_in_half_precision() -> None:
    network = DeepHead().bfloat16()
    logits, maps = EvidenceMapper(network, "grad_cam")(images().bfloat16())
    assert (logits.dtype, maps.dtype) == (torch.float32, torch.float32)
    assert maps.max() == 1


def test_maps_carry_the_metadata_of_their_images() -> None:
    mapper = EvidenceMapper(LinearHead(), "grad_cam")
    items = [{"image": MetaTensor(image, meta={"filename_or_obj": f"{i}.png"})} for i, image in enumerate(images())]
    batch = list_data_collate(items)
    logits, maps = mapper(batch["image"])
    torch.testing.assert_close(maps.as_tensor(), mapper(images())[1])
    for index, item in enumerate(decollate_batch({"evidence": maps, "pred": logits})):
        for key, shape in (("evidence", (1, 32, 24)), ("pred", (2,))):
            assert item[key].meta["filename_or_obj"] == f"{index}.png"
            assert item[key].shape == shape


@pytest.mark.parametrize("method", ["grad_cam", "grad_cam_pp"])
def test_a_named_layer_at_the_pooled_maps_gives_the_same_map(method: str) -> None:
    network = DeepHead()
    pooled, named = (_mapper(network, method, layer=layer)(images())[1] for layer in (None, "trunk.6"))
    torch.testing.assert_close(named, pooled)
    assert not torch.allclose(_mapper(network, method, layer="trunk.4")(images())[1], pooled)


def test_a_named_layer_against_gradients_taken_by_hand() -> None:
    network = DeepHead().eval()
    maps = network.trunk[:5](images()).detach().requires_grad_()
    logits = network.forward_head(network.trunk[5:](maps * 1))
    (grads,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).sum(), maps)
    expected = nn.functional.interpolate(grad_cam(maps.detach(), grads), (32, 24), mode="bilinear")
    found = EvidenceMapper(network, "grad_cam", layer="trunk.4", normalise=False)(images())[1]
    torch.testing.assert_close(found, expected)


def test_a_layer_of_any_classifier() -> None:
    network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=2, init_features=8, growth_rate=4)
    logits, maps = EvidenceMapper(network, "grad_cam_pp", layer="features.norm5")(images(2, (64, 64)))
    torch.testing.assert_close(logits, network.eval()(images(2, (64, 64))).detach())
    assert maps.shape == (2, 1, 64, 64)


def test_saliency_equals_that_of_monai_for_one_logit() -> None:
    network = DeepHead().eval()
    found = EvidenceMapper(network, "saliency", score="logit", normalise=False)(images(1))[1]
    torch.testing.assert_close(found, VanillaGrad(network)(images(1), index=1).abs())


def test_smooth_saliency_equals_that_of_monai_on_the_same_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    network = DeepHead().eval()
    generator = torch.Generator().manual_seed(11)

    def noise(mean: float, deviation: float, size: torch.Size, **kwargs: object) -> torch.Tensor:
        return mean + deviation * torch.randn(size[1:], generator=generator)[None]

    found = EvidenceMapper(network, "smooth_saliency", score="logit", normalise=False, samples=4, noise=0.2, seed=11)(
        images(1)
    )[1]
    monkeypatch.setattr(torch, "normal", noise)
    monai = SmoothGrad(network, stdev_spread=0.2, n_samples=4, magnitude=False, verbose=False)
    torch.testing.assert_close(found, monai(images(1), index=1).abs(), rtol=1e-4, atol=1e-7)


def test_smooth_saliency_repeats_itself_and_leaves_the_global_generator_alone() -> None:
    mapper = EvidenceMapper(DeepHead(), "smooth_saliency", samples=2)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = mapper(images())[1]
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(mapper(images())[1], first)
    assert not torch.equal(EvidenceMapper(DeepHead(), "smooth_saliency", samples=2, seed=1)(images())[1], first)


def test_log_odds_do_not_change_with_what_is_added_to_both_logits() -> None:
    network = LinearHead()
    shifted = copy.deepcopy(network)
    with torch.no_grad():
        shifted.linear.weight += torch.randn(8)
    for method in ("cam", "signed_crm", "grad_cam", "saliency"):
        maps = [EvidenceMapper(each, method)(images())[1] for each in (network, shifted)]
        torch.testing.assert_close(*maps, rtol=1e-3, atol=1e-5)
        logit = [EvidenceMapper(each, method, score="logit")(images())[1] for each in (network, shifted)]
        assert not torch.allclose(*logit, atol=1e-2)


def test_the_classes_of_two_explain_each_other() -> None:
    network = LinearHead()
    for_tb, against = (EvidenceMapper(network, "cam", target, normalise=False)(images())[1] for target in (1, 0))
    torch.testing.assert_close(for_tb, -against)
    assert torch.equal(*(EvidenceMapper(network, "crm", target)(images())[1] for target in (1, 0)))


def test_one_sigmoid_node_and_several_classes() -> None:
    one = LinearHead(classes=1)
    for_tb, against = (EvidenceMapper(one, "cam", target, normalise=False)(images())[1] for target in (1, 0))
    torch.testing.assert_close(for_tb, -against)
    many = LinearHead(classes=5)
    pooled = many.eval().forward_features(images()).detach()
    expected = nn.functional.interpolate(class_relevance_map(pooled, many.class_weights), (32, 24), mode="bilinear")
    torch.testing.assert_close(EvidenceMapper(many, "crm", normalise=False)(images())[1], expected.detach())
    assert len({EvidenceMapper(many, "cam", target)(images())[1].sum().item() for target in range(5)}) == 5


def test_strength_is_kept_without_normalisation() -> None:
    network = LinearHead().eval()
    logits, maps = EvidenceMapper(network, "cam", normalise=False)(images())
    # Bilinear enlargement by a whole factor moves the mean only at the edges.
    bias = network.class_bias[1] - network.class_bias[0]
    pooled = EvidenceMapper(network, "cam", normalise=False)
    means = nn.functional.avg_pool2d(maps, 4).mean((1, 2, 3)) + bias
    torch.testing.assert_close(means, logits[:, 1] - logits[:, 0], rtol=0.1, atol=0.02)
    doubled = copy.deepcopy(network)
    with torch.no_grad():
        doubled.linear.weight *= 2
    torch.testing.assert_close(EvidenceMapper(doubled, "cam", normalise=False)(images())[1], 2 * pooled(images())[1])
    torch.testing.assert_close(EvidenceMapper(doubled, "cam")(images())[1], EvidenceMapper(network, "cam")(images())[1])


def test_evidence_lies_where_the_feature_is() -> None:
    """A network that adds up brightness: the map must be brightest where the image is, x first."""
    network = LinearHead().eval()
    with torch.no_grad():
        for conv in (network.trunk[0], network.trunk[4]):
            conv.weight.zero_()
            conv.bias.zero_()
            conv.weight[0, 0, 1, 1] = 1
        network.linear.weight.zero_()
        network.linear.weight[1, 0] = 1
    batch = torch.zeros(1, 1, 32, 24)
    batch[0, 0, 20:24, 4:8] = 1
    for method in METHODS[:-1]:  # the smooth map looks at noise beside a picture that is empty but for one square
        maps = _mapper(network, method)(batch)[1][0, 0]
        x, y = divmod(int(maps.argmax()), 24)
        assert 19 <= x <= 24, method
        assert 3 <= y <= 8, method
