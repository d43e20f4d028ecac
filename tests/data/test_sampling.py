"""How often an epoch draws each site."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest import mock

import pytest
import torch
import torch.distributed as dist
from monai.engines import Workflow
from torch.utils.data import DataLoader

from common.data import BalancedSampler, balance_weights

ITEMS = [{"site": "large"}] * 90 + [{"site": "small"}] * 10


def sampler(*, rank: int = 0, ranks: int = 1, epoch: int = 0, **options: Any) -> BalancedSampler:
    """The sampler as one of several processes has it in an epoch."""
    with (
        mock.patch.object(dist, "is_initialized", return_value=ranks > 1),
        mock.patch.object(dist, "get_world_size", return_value=ranks),
        mock.patch.object(dist, "get_rank", return_value=rank),
    ):
        found = BalancedSampler(ITEMS, **options)
    found.set_epoch(epoch)
    return found


@pytest.mark.parametrize(("power", "expected"), [(0.001, 0.1), (1.0, 0.5), (0.5, 10**0.5 / (10**0.5 + 90**0.5))])
def test_sites_are_drawn_in_proportion_to_a_power_of_their_size(power: float, expected: float) -> None:
    weights = balance_weights(ITEMS, power=power)
    assert float(weights[90:].sum() / weights.sum()) == pytest.approx(expected, abs=1e-3)
    drawn = [ITEMS[index]["site"] for epoch in range(200) for index in sampler(power=power, epoch=epoch)]
    assert Counter(drawn)["small"] / len(drawn) == pytest.approx(expected, abs=0.015)


def test_without_balance_every_item_is_drawn_once_in_an_order_of_the_epoch() -> None:
    orders = [list(sampler(power=0, epoch=epoch)) for epoch in range(3)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in [*orders, range(100)]}) == 4


@pytest.mark.parametrize("power", [0, 0.5])
def test_seed_and_epoch_alone_decide(power: float) -> None:
    torch.manual_seed(1)
    first = list(sampler(power=power, epoch=5, seed=7))
    torch.manual_seed(2)
    later = sampler(power=power, epoch=4, seed=7)
    list(later)
    later.set_epoch(5)
    assert list(later) == first
    assert list(sampler(power=power, epoch=5, seed=70)) != first


def test_a_trainer_sets_the_epoch() -> None:
    seen: list[list[int]] = []
    loader = DataLoader(list(range(100)), batch_size=100, sampler=sampler(power=0))
    workflow = Workflow("cpu", 2, loader, iteration_update=lambda engine, batch: seen.append(batch.tolist()))
    workflow.run()
    assert seen == [list(sampler(power=0, epoch=1)), list(sampler(power=0, epoch=2))]


@pytest.mark.parametrize("power", [0, 0.5])
@pytest.mark.parametrize("ranks", [2, 3, 7])
def test_processes_share_one_order_evenly(power: float, ranks: int) -> None:
    parts = [list(sampler(power=power, epoch=3, rank=rank, ranks=ranks)) for rank in range(ranks)]
    assert {len(part) for part in parts} == {len(sampler(power=power, ranks=ranks))} == {-(-100 // ranks)}
    together = [parts[place % ranks][place // ranks] for place in range(sum(map(len, parts)))]
    assert together[:100] == list(sampler(power=power, epoch=3))
    if power == 0:
        assert together[100:] == together[: len(together) - 100]


def test_more_processes_than_items_get_an_item_each() -> None:
    parts = [list(sampler(power=0, rank=rank, ranks=250)) for rank in range(250)]
    assert {len(part) for part in parts} == {1}
    assert set(Counter(part[0] for part in parts).values()) == {2, 3}


def test_within_a_site_all_items_weigh_the_same() -> None:
    weights = balance_weights(ITEMS, power=0.7)
    assert weights.dtype == torch.double
    assert len(weights[:90].unique()) == len(weights[90:].unique()) == 1


def test_an_epoch_draws_as_many_items_as_there_are() -> None:
    assert len(BalancedSampler(ITEMS)) == len(list(BalancedSampler(ITEMS))) == 100


def test_items_without_a_site_are_a_site_of_their_own() -> None:
    weights = balance_weights([{}, {}, {"site": "a"}], power=1.0)
    assert weights.tolist() == [0.5, 0.5, 1.0]
    assert balance_weights([{"label": 1}, {"label": 0}, {"label": 1}], key="label", power=1.0).tolist() == [0.5, 1, 0.5]


@pytest.mark.parametrize("power", [-0.1, 1.1])
def test_a_power_out_of_range_is_refused(power: float) -> None:
    with pytest.raises(ValueError, match=r"power must lie in \[0, 1\], got"):
        balance_weights(ITEMS, power=power)
