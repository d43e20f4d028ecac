"""The sanity check: what a method shows must go when the network forgets what it learnt."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from stand_ins import DeepHead, LinearHead, images
from torch import nn

from common.errors import UsageError
from common.localization import METHODS, EvidenceMapper, randomisation_check
from common.localization.randomisation import rank_correlation
from common.metrics import pointing_game


def _edges(network: nn.Module, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture of the image that no network can change, as a method must not be."""
    return network(batch), batch


def test_a_method_that_ignores_the_network_is_caught() -> None:
    (step,) = randomisation_check(lambda network: partial(_edges, network), LinearHead().eval(), images(), "whole")
    assert step.layer == "all"
    assert step.rank_correlation.tolist() == pytest.approx([1, 1, 1])
    assert step.ssim.tolist() == pytest.approx([1, 1, 1])


def _lesions(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, list[tuple[int, int, int, int]]]:
    """Noise; on every second image a bright diagonal of eight pixels, and its box."""
    generator = torch.Generator().manual_seed(seed)
    batch = torch.rand(count, 1, 32, 24, generator=generator) / 2
    classes = torch.arange(count) % 2
    boxes = []
    for image, sick in zip(batch, classes, strict=True):
        x, y = (int(torch.randint(0, limit, (1,), generator=generator)) for limit in (24, 16))
        image[0, x : x + 8, y : y + 8] += 0.7 * sick * torch.eye(8)
        boxes.append((x, y, 8, 8))
    return batch, classes, boxes


@pytest.fixture(scope="module")
def trained() -> LinearHead:
    """A classifier that has learnt the diagonals."""
    network = LinearHead().train()
    optimizer = torch.optim.Adam(network.parameters(), 2e-2)
    for step in range(80):
        batch, classes, _ = _lesions(32, step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(batch), classes).backward()
        optimizer.step()
    return network.eval()


@pytest.mark.parametrize("method", METHODS)
def test_evidence_of_a_trained_network_lies_on_the_lesion_and_goes_when_it_forgets(
    trained: LinearHead, method: str
) -> None:
    batch, _, boxes = _lesions(40, 999)
    make = partial(EvidenceMapper, method=method, samples=4)
    maps = make(trained)(batch[1::2])[1]
    assert (
        np.mean([pointing_game(each, [box]) for each, box in zip(maps[:, 0].numpy(), boxes[1::2], strict=True)]) >= 0.9
    )
    steps = [randomisation_check(make, trained, batch[1::2], "whole", seed)[0] for seed in range(10)]
    assert abs(np.mean([step.rank_correlation for step in steps])) < 0.2
    assert np.mean([step.ssim for step in steps]) < 0.5


def test_the_cascade_goes_from_the_output_to_the_input() -> None:
    steps = randomisation_check(partial(EvidenceMapper, method="grad_cam"), DeepHead(), images())
    # The order of registration: the class adds its extra convolution after its parent's layers.
    assert [step.layer for step in steps] == ["extra", "unused", "linear", "trunk.4", "trunk.1", "trunk.0"]
    assert all(step.rank_correlation.shape == step.ssim.shape == (3,) for step in steps)


def test_only_what_was_reached_is_randomised() -> None:
    network = LinearHead()
    steps = randomisation_check(partial(EvidenceMapper, method="crm"), network, images())
    whole = randomisation_check(partial(EvidenceMapper, method="crm"), network, images(), "whole")
    assert steps[0].layer == "unused"
    assert steps[0].rank_correlation.tolist() == pytest.approx([1, 1, 1])
    assert np.array_equal(steps[-1].rank_correlation, whole[0].rank_correlation)


def test_the_network_stays_and_the_seed_decides() -> None:
    network = DeepHead()
    before = copy.deepcopy(network.state_dict())
    mapper = partial(EvidenceMapper, method="grad_cam")
    first, again, other = (randomisation_check(mapper, network, images(), "whole", seed)[0] for seed in (0, 0, 1))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert np.array_equal(first.ssim, again.ssim)
    assert not np.array_equal(first.ssim, other.ssim)


def test_figures_are_those_of_the_libraries() -> None:
    network = DeepHead()
    changed: list[torch.Tensor] = []

    def record(each: nn.Module) -> EvidenceMapper:
        mapper = EvidenceMapper(each, "saliency")

        def call(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits, maps = mapper(batch)
            changed.append(maps)
            return logits, maps

        return call

    (step,) = randomisation_check(record, network, images(), "whole")
    before, after = (maps[:, 0].double().numpy() for maps in changed)
    for index in range(3):
        expected = spearmanr(before[index].ravel(), after[index].ravel()).statistic
        assert step.rank_correlation[index] == pytest.approx(expected)
        assert step.ssim[index] == pytest.approx(structural_similarity(before[index], after[index], data_range=1))


def test_a_map_without_evidence_correlates_with_nothing() -> None:
    assert rank_correlation(np.zeros((4, 4)), np.eye(4)) == 0


def test_an_unknown_mode() -> None:
    with pytest.raises(UsageError, match="randomisation 'all': choose one of cascade, whole"):
        randomisation_check(EvidenceMapper, LinearHead(), images(), "all")
