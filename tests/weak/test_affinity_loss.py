from __future__ import annotations

import math

import pytest
import torch

from common.weak.affinity_loss import EPS, AffinityLoss
from common.weak.paths import half_plane_offsets, line_path

LARGE = 20.0  # a logit of certainty


def pixel_by_pixel(prediction: torch.Tensor, seeds: torch.Tensor, radius: int) -> torch.Tensor:
    """The loss as the source defines it, one pair of pixels after the other."""
    reach = radius - 1
    terms: dict[str, list[torch.Tensor]] = {name: [] for name in ("bg", "fg", "neg", "dp_fg", "dp_bg")}
    edges = prediction[:, 0].sigmoid()
    for picture, labels in enumerate(seeds[:, 0].tolist()):
        for y in range(len(labels) - reach):
            for x in range(reach, len(labels[0]) - reach):
                for a, b in half_plane_offsets(radius):
                    first, second = labels[y][x], labels[y + a][x + b]
                    if 255 in (first, second):
                        continue
                    affinity = 1 - torch.stack([edges[picture, y + v, x + u] for v, u in line_path((a, b))]).max()
                    if first != second:
                        terms["neg"].append(-torch.log(1 + EPS - affinity))
                        continue
                    kind = "fg" if first else "bg"
                    terms[kind].append(-torch.log(affinity + EPS))
                    moved = prediction[picture, 1:, y, x] - prediction[picture, 1:, y + a, x + b]
                    wanted = torch.tensor([a, b]).to(moved) if first else torch.zeros(2).to(moved)
                    terms[f"dp_{kind}"].append((moved - wanted).abs().mean())
    mean = {name: torch.stack(values).mean() if values else torch.zeros(()) for name, values in terms.items()}
    return ((mean["bg"] + mean["fg"]) / 2 + mean["neg"]) / 2 + (mean["dp_fg"] + mean["dp_bg"]) / 2


def test_the_loss_and_its_gradient_are_those_of_the_definition() -> None:
    torch.manual_seed(0)
    seeds = torch.tensor([0, 0, 1, 2, 255])[torch.randint(5, (2, 1, 6, 9))]
    ours = torch.randn(2, 3, 6, 9, dtype=torch.double, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()

    found, expected = AffinityLoss(radius=3)(ours, seeds), pixel_by_pixel(theirs, seeds, radius=3)
    found.backward()
    expected.backward()

    assert found.item() == pytest.approx(expected.item(), rel=1e-4)
    torch.testing.assert_close(ours.grad, theirs.grad.to(ours.grad), rtol=1e-3, atol=1e-6)


def test_pairs_in_the_background_have_a_closed_form() -> None:
    prediction = torch.zeros(1, 3, 8, 12)
    prediction[:, 0] = 0.7
    parts = AffinityLoss(radius=4).parts(prediction, torch.zeros(1, 1, 8, 12))
    assert parts["background"].item() == pytest.approx(-math.log(1 - 1 / (1 + math.exp(-0.7)) + EPS), rel=1e-4)
    assert {name: value.item() for name, value in parts.items() if name != "background"} == {
        "classes": 0,
        "unlike": 0,
        "displacement_classes": 0,
        "displacement_background": 0,
    }


def test_two_regions_with_a_boundary_between_them() -> None:
    seeds = torch.zeros(1, 1, 12, 25)
    seeds[..., 13:] = 1
    seeds[..., 12] = 255
    prediction = torch.zeros(1, 3, 12, 25)
    prediction[:, 0] = -LARGE
    loss = AffinityLoss(radius=4)

    none = loss.parts(prediction, seeds)
    assert none["unlike"] > 10
    prediction[:, 0, :, 12] = LARGE
    right = loss.parts(prediction, seeds)

    # A line that touches the boundary without crossing it counts as crossing: pairs beside it are not quite alike.
    assert right["unlike"] < 1e-3
    assert none["background"] < 1e-3
    assert none["classes"] < 1e-3
    prediction[:, 0, :, 12] = -LARGE
    prediction[:, 0, :, 3] = LARGE  # a boundary where none is
    assert loss.parts(prediction, seeds)["background"] > 1


def test_displacements_to_the_centre_are_right_for_a_class_only() -> None:
    y, x = torch.meshgrid(torch.arange(10.0), torch.arange(16.0), indexing="ij")
    prediction = torch.stack([torch.zeros_like(y), 4 - y, 9 - x])[None]
    loss = AffinityLoss(radius=4)

    assert loss.parts(prediction, torch.ones(1, 1, 10, 16))["displacement_classes"] == 0
    background = loss.parts(prediction, torch.zeros(1, 1, 10, 16))["displacement_background"]
    offsets = torch.tensor(half_plane_offsets(4)).float()
    assert background.item() == pytest.approx(offsets.abs().mean().item(), rel=1e-4)


def test_seeds_of_full_resolution_are_reduced_by_the_nearest() -> None:
    small = torch.randint(3, (1, 1, 8, 12))
    prediction = torch.randn(1, 3, 8, 12)
    loss = AffinityLoss(radius=3)
    assert loss(prediction, small.repeat_interleave(4, 2).repeat_interleave(4, 3)) == loss(prediction, small)


def test_ignored_seeds_teach_nothing() -> None:
    prediction = torch.randn(1, 3, 8, 12, requires_grad=True)
    loss = AffinityLoss(radius=3)(prediction, torch.full((1, 1, 8, 12), 255))
    loss.backward()
    assert loss == 0
    assert not prediction.grad.any()


def test_a_picture_smaller_than_the_neighbourhood() -> None:
    with pytest.raises(ValueError, match="radius of 10 does not fit"):
        AffinityLoss()(torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16))
