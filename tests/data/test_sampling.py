"""How often an epoch draws each site."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from common.data import BalancedSampler, balance_weights

ITEMS = [{"site": "large"}] * 90 + [{"site": "small"}] * 10


def shares(power: float, draws: int = 20_000) -> float:
    """Share of the small site among many draws."""
    torch.manual_seed(0)
    sampler = BalancedSampler(ITEMS, power=power, num_samples=draws)
    return Counter(ITEMS[index]["site"] for index in sampler)["small"] / draws


@pytest.mark.parametrize(("power", "expected"), [(0.0, 0.1), (1.0, 0.5), (0.5, 10**0.5 / (10**0.5 + 90**0.5))])
def test_sites_are_drawn_in_proportion_to_a_power_of_their_size(power: float, expected: float) -> None:
    weights = balance_weights(ITEMS, power=power)
    assert float(weights[90:].sum() / weights.sum()) == pytest.approx(expected)
    assert shares(power) == pytest.approx(expected, abs=0.015)


def test_within_a_site_all_items_weigh_the_same() -> None:
    weights = balance_weights(ITEMS, power=0.7)
    assert weights.dtype == torch.double
    assert len(weights[:90].unique()) == len(weights[90:].unique()) == 1


def test_an_epoch_draws_as_many_items_as_there_are() -> None:
    assert len(BalancedSampler(ITEMS)) == len(list(BalancedSampler(ITEMS))) == 100
    assert len(list(BalancedSampler(ITEMS, num_samples=7))) == 7


def test_items_without_a_site_are_a_site_of_their_own() -> None:
    weights = balance_weights([{}, {}, {"site": "a"}], power=1.0)
    assert weights.tolist() == [0.5, 0.5, 1.0]
    assert balance_weights([{"label": 1}, {"label": 0}, {"label": 1}], key="label", power=1.0).tolist() == [0.5, 1, 0.5]


@pytest.mark.parametrize("power", [-0.1, 1.1])
def test_a_power_out_of_range_is_refused(power: float) -> None:
    with pytest.raises(ValueError, match=r"power must lie in \[0, 1\], got"):
        balance_weights(ITEMS, power=power)
