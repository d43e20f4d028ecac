"""Epochs of a fixed length with a share of each source."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest import mock

import pytest
import torch.distributed as dist
from monai.engines import Workflow
from torch.utils.data import DataLoader

from common.data import MixedSampler
from common.errors import UsageError

SIZES = {"boxes": 30, "weak": 50, "normal": 7}
ITEMS: list[dict[str, Any]] = [
    {"source": source, "number": number} for source, size in SIZES.items() for number in range(size)
]


def sampler(
    items: list[dict[str, Any]] = ITEMS, *, rank: int = 0, ranks: int = 1, epoch: int = 1, **options: Any
) -> MixedSampler:
    """The sampler as one of several processes has it in an epoch."""
    arguments = {"shares": {"weak": 0.5, "normal": 0.125}, "steps": 5, "batch_size": 8} | options
    with (
        mock.patch.object(dist, "is_initialized", return_value=ranks > 1),
        mock.patch.object(dist, "get_world_size", return_value=ranks),
        mock.patch.object(dist, "get_rank", return_value=rank),
    ):
        found = MixedSampler(items, **arguments)
    found.set_epoch(epoch)
    return found


def drawn(source: str, **options: Any) -> list[int]:
    """Items of one source in the order of an epoch."""
    chosen = [ITEMS[index] for index in sampler(**options)]
    return [item["number"] for item in chosen if item["source"] == source]


def test_an_epoch_has_its_length_and_shares() -> None:
    for epoch in range(4):
        order = list(sampler(epoch=epoch))
        assert len(order) == len(sampler()) == 40
        assert Counter(ITEMS[index]["source"] for index in order) == {"weak": 20, "boxes": 15, "normal": 5}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"weak": 1.0}, {"weak": 40}),
        ({"weak": 1 / 3, "normal": 1 / 3}, {"weak": 13, "normal": 14, "boxes": 13}),
        ({"weak": 0.3, "normal": 0.7}, {"weak": 12, "normal": 28}),
        ({"weak": 0.0, "normal": 0.0}, {"boxes": 40}),
        ({"weak": 0.0, "normal": 0.25}, {"boxes": 30, "normal": 10}),
    ],
)
def test_shares(shares: dict[str, float], expected: dict[str, int]) -> None:
    assert Counter(ITEMS[index]["source"] for index in sampler(shares=shares)) == expected


def test_sources_without_a_share_are_one_pool() -> None:
    order = list(sampler(shares={"normal": 0.25}, steps=10))
    rest = [index for index in order if ITEMS[index]["source"] != "normal"]
    assert len(set(rest)) == len(rest) == 60
    assert sorted(sampler(shares={}, steps=1, batch_size=len(ITEMS))) == list(range(len(ITEMS)))


def test_no_image_comes_again_before_all_of_its_source_have() -> None:
    for source, size in SIZES.items():
        seen = [number for epoch in range(1, 20) for number in drawn(source, epoch=epoch)]
        passes = [seen[start : start + size] for start in range(0, len(seen), size)]
        assert len(passes) > 5
        assert all(sorted(numbers) == list(range(size)) for numbers in passes[:-1])
        assert len({tuple(numbers) for numbers in passes}) == len(passes), "every pass in another order"
        assert len(set(passes[-1])) == len(passes[-1])


def test_sources_take_turns() -> None:
    positions = [place for epoch in range(1, 50) for place, index in enumerate(sampler(epoch=epoch)) if index < 30]
    assert sum(positions) / len(positions) == pytest.approx(19.5, abs=1.5)


def test_seed_and_epoch_alone_decide() -> None:
    first = list(sampler(epoch=5, seed=7))
    later = sampler(epoch=4, seed=7)
    list(later)
    later.set_epoch(5)
    assert list(later) == first
    assert list(sampler(epoch=5, seed=8)) != first


def test_boxes_come_in_the_same_order_with_and_without_weak_masks() -> None:
    alone = [item for item in ITEMS if item["source"] != "weak"]
    with_weak = [number for epoch in (1, 2, 3) for number in drawn("boxes", epoch=epoch)]
    orders = (sampler(alone, shares={"weak": 0, "normal": 0.125}, epoch=epoch) for epoch in (1, 2, 3))
    without = [alone[index] for order in orders for index in order]
    assert [item["number"] for item in without if item["source"] == "boxes"][: len(with_weak)] == with_weak


def test_a_trainer_sets_the_epoch() -> None:
    seen: list[list[int]] = []
    loader = DataLoader(list(range(len(ITEMS))), batch_size=8, sampler=sampler())
    workflow = Workflow("cpu", 2, loader, iteration_update=lambda engine, batch: seen.append(batch.tolist()))
    workflow.run()
    assert len(seen) == 10, "steps an epoch"
    assert [index for batch in seen for index in batch] == [*sampler(epoch=1), *sampler(epoch=2)]


@pytest.mark.parametrize("ranks", [2, 3])
def test_processes_share_one_order_and_take_the_steps_each(ranks: int) -> None:
    parts = [list(sampler(rank=rank, ranks=ranks, epoch=3)) for rank in range(ranks)]
    assert {len(part) for part in parts} == {40}
    counts = Counter(ITEMS[index]["source"] for part in parts for index in part)
    assert counts == {"weak": 20 * ranks, "boxes": 15 * ranks, "normal": 5 * ranks}
    together = [parts[place % ranks][place // ranks] for place in range(40 * ranks)]
    assert together == list(sampler(steps=5 * ranks, epoch=3)), "that of one process with as many images"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shares": {"weak": -0.1}}, "shares must be at least 0 and at most 1 in all, got weak -0.1"),
        ({"shares": {"weak": 0.6, "normal": 0.5}}, "at most 1 in all, got weak 0.6, normal 0.5"),
        ({"shares": {"strong": 0.5}}, "an epoch needs items of the source strong; there are boxes, normal, weak"),
        ({"items": ITEMS[30:80], "shares": {"weak": 0.5}}, "needs items of the source any other; there are weak"),
        ({"items": []}, "needs items of the source weak; there are none"),
        ({"steps": 0}, "steps and batch_size must be at least 1, got 0 and 8"),
        ({"batch_size": 0}, "steps and batch_size must be at least 1, got 5 and 0"),
    ],
)
def test_impossible_epochs_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        sampler(**options)
    assert message in str(caught.value)


def test_items_that_name_no_source_are_all_used_alike() -> None:
    drawn = Counter(sampler(items=[{"image": str(number)} for number in range(10)], shares={"weak": 0.5}))
    assert set(drawn) == set(range(10))
    assert set(drawn.values()) == {4}
