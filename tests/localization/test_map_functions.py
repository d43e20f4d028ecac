"""Evidence maps against their definitions: loops, identities, independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.visualize import CAM, GradCAM
from stand_ins import LinearHead, images

from common.errors import UsageError
from common.localization import (
    class_activation_map,
    class_relevance_map,
    class_score,
    grad_cam,
    grad_cam_pp,
    grad_cam_pp_exp,
    normalise_maps,
    saliency,
    signed_relevance_map,
)

GENERATOR = torch.Generator().manual_seed(3)
MAPS = torch.rand(2, 5, 6, 4, generator=GENERATOR)
WEIGHTS = torch.randn(3, 5, generator=GENERATOR)
BIAS = torch.randn(3, generator=GENERATOR)
GRADS = torch.randn(2, 5, 6, 4, generator=GENERATOR) / 24


def _relevance_by_removal(maps: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Kim et al. word for word: remove each location, take the scores' squared changes, add them over the nodes."""
    maps, weights = maps.double(), weights.double()
    out = torch.zeros(len(maps), 1, *maps.shape[2:], dtype=torch.float64)
    whole = torch.einsum("bcxy,kc->bk", maps, weights)
    for x in range(maps.shape[2]):
        for y in range(maps.shape[3]):
            removed = maps.clone()
            removed[:, :, x, y] = 0
            out[:, 0, x, y] = (whole - torch.einsum("bcxy,kc->bk", removed, weights)).square().sum(1)
    return out


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_relevance_in_closed_form_equals_the_loop(nodes: int) -> None:
    expected = _relevance_by_removal(MAPS, WEIGHTS[:nodes])
    torch.testing.assert_close(class_relevance_map(MAPS, WEIGHTS[:nodes]).double(), expected, rtol=1e-5, atol=1e-6)


def test_relevance_is_blind_to_the_sign_and_the_signed_one_is_not() -> None:
    assert torch.equal(class_relevance_map(MAPS, WEIGHTS), class_relevance_map(MAPS, -WEIGHTS))
    for_class, against = (signed_relevance_map(MAPS, sign * WEIGHTS[1]) for sign in (1, -1))
    torch.testing.assert_close(for_class + against, class_relevance_map(MAPS, WEIGHTS[1:2]))
    assert (for_class * against == 0).all()


def test_the_mean_of_the_activation_map_is_the_score_without_bias() -> None:
    logits = MAPS.mean((2, 3)) @ WEIGHTS.T + BIAS
    for node in range(3):
        mean = class_activation_map(MAPS, WEIGHTS[node]).mean((1, 2, 3))
        torch.testing.assert_close(mean + BIAS[node], logits[:, node])


def test_grad_cam_of_average_pooling_is_the_positive_activation_map() -> None:
    grads = WEIGHTS[0][None, :, None, None].expand_as(MAPS) / 24
    expected = class_activation_map(MAPS, WEIGHTS[0]).relu() / 24
    torch.testing.assert_close(grad_cam(MAPS, grads), expected)


def _grad_cam_pp_by_loop(maps: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """Equations 18 and 19 of Chattopadhay et al. for one image, one location after another."""
    out = np.zeros(maps.shape[1:])
    for channel, slope in zip(maps, grads, strict=True):
        weight = 0.0
        for index in np.ndindex(*slope.shape):
            second, third = slope[index] ** 2, slope[index] ** 3
            alpha = second / (2 * second + channel.sum() * third)
            weight += alpha * max(slope[index], 0)
        out += weight * channel
    return np.maximum(out, 0)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-12])
def test_grad_cam_pp_equals_its_equations_at_every_scale_of_the_gradients(scale: float) -> None:
    maps, grads = MAPS.double().numpy(), GRADS.double().numpy() * scale
    expected = np.stack([_grad_cam_pp_by_loop(*pair) for pair in zip(maps, grads, strict=True)])
    found = grad_cam_pp(MAPS, torch.from_numpy(grads))[:, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6 * expected.max())
    assert expected.max() > 0


def test_grad_cam_pp_of_average_pooling_has_a_closed_form() -> None:
    """Gradients w / n, all alike in a channel: the weight is n * (w / n) / (2 + mean of the channel * w)."""
    weights = WEIGHTS[0].abs()
    grads = weights[None, :, None, None].expand_as(MAPS) / 24
    scaled = weights / (2 + weights * MAPS.mean((2, 3)))
    expected = (scaled[:, :, None, None] * MAPS).sum(1, keepdim=True)
    torch.testing.assert_close(grad_cam_pp(MAPS, grads), expected)


def test_grad_cam_pp_without_slope_or_with_a_cancelled_denominator_shows_nothing() -> None:
    assert (grad_cam_pp(MAPS, torch.zeros_like(MAPS)) == 0).all()
    maps = torch.full((1, 1, 2, 2), -0.5)
    assert (grad_cam_pp(maps, torch.ones_like(maps)) == 0).all(), "2 * 1 + (-2) * 1 = 0"


def _as_coded(maps: torch.Tensor, grads: torch.Tensor, score: float) -> torch.Tensor:
    g = np.exp(score) * grads.double()
    alpha = g**2 / (2 * g**2 + (maps * g**3).sum((2, 3), keepdim=True) + 1e-8)
    return ((alpha * g.relu()).sum((2, 3), keepdim=True) * maps).sum(1, keepdim=True)


@pytest.mark.parametrize("score", [-4.0, 0.0, 7.0])
def test_the_other_grad_cam_pp_is_as_coded_but_for_the_outer_factor(score: float) -> None:
    found = grad_cam_pp_exp(MAPS, GRADS, torch.full((2,), score)).double()
    torch.testing.assert_close(found * np.exp(score), _as_coded(MAPS.double(), GRADS, score), rtol=1e-5, atol=1e-9)


def test_the_other_grad_cam_pp_is_finite_for_extreme_scores() -> None:
    for score in (-1e4, 1e4):
        assert torch.isfinite(grad_cam_pp_exp(MAPS, GRADS, torch.full((2,), score))).all()


def test_saliency_is_the_largest_absolute_gradient_over_the_channels() -> None:
    grads = torch.tensor([[[[1.0, -5.0]], [[-2.0, 3.0]]]])
    assert saliency(grads).tolist() == [[[[2.0, 5.0]]]]


def test_maps_equal_those_of_monai_image_by_image() -> None:
    network = LinearHead().eval()
    pooled = network.forward_features(images()).detach()
    cam = CAM(network, "trunk", "linear", upsampler=lambda size: lambda x: x, postprocessing=lambda x: x)
    gradient = GradCAM(network, "trunk.6", upsampler=lambda size: lambda x: x, postprocessing=lambda x: x)
    for index in range(3):
        one = images()[index : index + 1]
        expected = cam(one, class_idx=[1])
        # MONAI applies the whole linear layer at each place, its bias too.
        found = class_activation_map(pooled[index : index + 1], network.class_weights[1]) + network.class_bias[1]
        torch.testing.assert_close(found, expected)
        grads = network.class_weights[1][None, :, None, None].expand(1, -1, *pooled.shape[2:]) / 48
        torch.testing.assert_close(grad_cam(pooled[index : index + 1], grads), gradient(one, class_idx=1))


def test_class_scores() -> None:
    two = torch.tensor([[1.0, 4.0], [0.5, -1.0]])
    assert class_score(two, 1).tolist() == [3.0, -1.5]
    assert class_score(two, 0).tolist() == [-3.0, 1.5]
    assert class_score(two, 1, "logit").tolist() == [4.0, -1.0]
    torch.testing.assert_close(torch.sigmoid(class_score(two, 1)), two.softmax(1)[:, 1], msg="log-odds of the softmax")
    assert class_score(two[:, :1], 1).tolist() == [1.0, 0.5]
    assert class_score(two[:, :1], 0).tolist() == [-1.0, -0.5]
    assert class_score(torch.tensor([[1.0, 2.0, 7.0]]), 2).tolist() == [7.0]


@pytest.mark.parametrize(("logits", "target"), [((2, 2), 2), ((2, 1), 2), ((2, 3), -1), ((2, 3), 3)])
def test_classes_that_do_not_exist(logits: tuple[int, int], target: int) -> None:
    with pytest.raises(UsageError, match=r"target -?\d: the network has the classes 0 to [12]"):
        class_score(torch.zeros(logits), target)


def test_logits_of_another_shape() -> None:
    with pytest.raises(UsageError, match=r"need logits \[B, K\], the network gives \[2, 1, 4, 4\]"):
        class_score(torch.zeros(2, 1, 4, 4), 1)


def test_normalisation() -> None:
    maps = torch.tensor([[1.0, 4.0, 2.0], [-1.0, 3.0, 1.0], [5.0, 5.0, 5.0], [0.0, 0.0, 0.0], [-3.0, -1.0, -2.0]])
    maps = torch.cat([maps, torch.tensor([[1.0, float("nan"), 2.0], [0.0, 1e-30, 0.0]])])[:, None, :, None]
    expected = [[0.25, 1, 0.5], [0, 1, 0.5], [0, 0, 0], [0, 0, 0], [0, 1, 0.5], [0, 0, 0], [0, 1, 0]]
    torch.testing.assert_close(normalise_maps(maps)[:, 0, :, 0], torch.tensor(expected))
