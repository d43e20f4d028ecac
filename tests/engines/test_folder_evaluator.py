"""An evaluator that finishes every image it can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.data import MetaTensor
from torch import nn

from common.data import Rejected, collate_radiographs
from common.engines import FolderEvaluator


class Plus(nn.Module):
    """Adds one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


def image(name: str, value: float) -> dict[str, Any]:
    return {"image": MetaTensor(torch.full((1, 4, 4), value), meta={"filename_or_obj": name})}


def batches(*items: list[Any]) -> list[dict[str, Any]]:
    return [collate_radiographs(batch) for batch in items]


def run(data: list[dict[str, Any]], postprocessing: Any = None) -> list[tuple[list[float], list[Rejected]]]:
    """Run; for each batch the values of its results, and its rejected items."""
    evaluator = FolderEvaluator(
        device=torch.device("cpu"), val_data_loader=data, network=Plus(), postprocessing=postprocessing
    )
    found: list[tuple[list[float], list[Rejected]]] = []

    @evaluator.on(Events.ITERATION_COMPLETED)
    def keep() -> None:
        output = evaluator.state.output
        results = [float(item["pred"][0, 0, 0]) for item in output]
        assert len(evaluator.state.batch) == len(output)
        found.append((results, evaluator.state.rejected))

    evaluator.run()
    return found


def test_unreadable_items_are_passed_by() -> None:
    bad = Rejected("bad.png", "refused", "a reason")
    data = batches([image("a", 1), bad, image("b", 2)], [bad], [image("c", 3)])
    assert run(data, lambda item: item) == [([2.0, 3.0], [bad]), ([], [bad]), ([4.0], [])]


def test_an_item_that_fails_afterwards_takes_no_other_along() -> None:
    def save(item: dict[str, Any]) -> dict[str, Any]:
        name = item["image"].meta["filename_or_obj"]
        if name == "full":
            raise OSError(28, "No space left on device", "out/full.png")
        item["pred"] = item["pred"] * 10
        return item

    found = run(batches([image("a", 1), image("full", 2), image("b", 3)]), save)
    assert [results for results, _ in found] == [[20.0, 40.0]]
    (rejected,) = found[0][1]
    assert (rejected.path, rejected.status) == ("full", "failed")
    assert rejected.reason == "OSError: [Errno 28] No space left on device: 'out/full.png'"


def test_an_error_of_the_network_stops_the_run() -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("image sides must be multiples of 16")

    evaluator = FolderEvaluator(device=torch.device("cpu"), val_data_loader=batches([image("a", 1)]), network=Broken())
    with pytest.raises(ValueError, match="multiples of 16"):
        evaluator.run()


def test_without_anything_to_do_the_account_is_still_given(tmp_path: Path) -> None:
    evaluator = FolderEvaluator(device=torch.device("cpu"), val_data_loader=[], network=Plus())
    seen: list[str] = []
    for event in (Events.STARTED, Events.ITERATION_COMPLETED, Events.COMPLETED):
        evaluator.add_event_handler(event, lambda engine, name=event.name: seen.append(name))
    evaluator.run()
    assert seen == ["STARTED", "COMPLETED"]
