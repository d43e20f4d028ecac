"""Weights, or one line that says why not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from common.handlers import LoadEncoder, LoadWeights, WeightsError
from common.networks import VGGFeatures, load_weights


def network() -> nn.Linear:
    return nn.Linear(2, 1)


STATE = {"weight": torch.tensor([[1.0, 2.0]]), "bias": torch.tensor([3.0])}


@pytest.mark.parametrize("content", [STATE, {"model": STATE}, {name: value.half() for name, value in STATE.items()}])
def test_state_dicts_load(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "w.pt")
    found = network()
    load_weights(found, tmp_path / "w.pt")
    assert found.weight.dtype == torch.float32
    assert found.weight.tolist() == [[1.0, 2.0]]
    assert found.bias.tolist() == [3.0]


def test_the_wrapper_of_distributed_training_is_looked_through(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "w.pt")
    wrapper = nn.Module()
    wrapper.module = network()
    load_weights(wrapper, tmp_path / "w.pt")
    assert wrapper.module.bias.tolist() == [3.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no weights there. Ask for them."),
        (
            b"weights",
            "not a file of plain tensors, or a damaged one. Accepted: a file of tensors written by torch.save.",
        ),
        ([1, 2], "not a state_dict but a list. Accepted: a file written by torch.save(network.state_dict(), path)."),
        ({"weight": torch.zeros(1, 2)}, "weights of another network than Linear: 1 tensors missing (first: bias)"),
        (
            {"weight": torch.zeros(1, 3), "bias": torch.zeros(1), "x": torch.zeros(1)},
            "weights of another network than Linear: 1 unknown tensors (first: x), 1 other shapes (first: weight)",
        ),
    ],
)
def test_everything_else_is_one_line(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "w.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    found = network()
    before = found.weight.tolist()
    with pytest.raises(WeightsError, match=f"^{re.escape(f'{path}: {message}')}$"):
        load_weights(found, path, help_text="Ask for them.")
    assert found.weight.tolist() == before


def test_the_handlers_load_when_the_engine_starts(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "w.pt")
    encoder, source = VGGFeatures(16), VGGFeatures(16)
    torch.save(source.state_dict(), tmp_path / "vgg.pt")
    wrapper = nn.Module()
    wrapper.module = encoder
    found = network()
    engine = Engine(lambda engine, batch: None)
    LoadWeights(found, tmp_path / "w.pt").attach(engine)
    LoadEncoder(wrapper, tmp_path / "vgg.pt").attach(engine)
    assert found.bias.tolist() != [3.0]
    engine.run([0])
    assert found.bias.tolist() == [3.0]
    assert torch.equal(encoder.features[0].weight, source.features[0].weight)
