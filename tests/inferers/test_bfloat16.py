"""Filters in bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from common.inferers import OpenVINOInferer
from common.inferers.bfloat16 import round_convolutions, round_filters

needs_openvino = pytest.mark.skipif(not find_spec("openvino"), reason="the extra openvino is not installed")


def nearest(filters: np.ndarray) -> np.ndarray:
    return torch.from_numpy(filters).bfloat16().float().numpy()


def edges(*shape: int) -> np.ndarray:
    """Filters whose weights nearly cancel, as those of a first layer do."""
    filters = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    return filters - 0.99 * filters.mean((-2, -1), keepdims=True)


def test_every_weight_is_one_of_bfloat16_and_lies_next_to_the_one_it_stands_for() -> None:
    filters = edges(32, 3, 5, 5)
    rounded = round_filters(filters)
    assert rounded.dtype == np.float32
    assert rounded.shape == filters.shape
    assert np.array_equal(rounded, nearest(rounded))
    # Half a step is rounding; the error that is handed on is at most half a step of a weight before it.
    step = 2.0 ** (np.floor(np.log2(np.abs(filters).max((-2, -1), keepdims=True))) - 7)
    assert (np.abs(rounded - filters) <= step).all()


def test_what_a_filter_answers_to_an_even_area_stays() -> None:
    filters = edges(64, 1, 3, 3)
    wanted = filters.sum((-2, -1))
    plain = np.abs(nearest(filters).sum((-2, -1)) - wanted)
    cancelled = np.abs(round_filters(filters).sum((-2, -1)) - wanted)
    step = 2.0 ** (np.floor(np.log2(np.abs(filters).min((-2, -1)))) - 7)
    assert (cancelled <= step + 1e-6).all()
    assert cancelled.mean() < 0.1 * plain.mean()


def test_single_weights_go_to_the_nearest_number() -> None:
    filters = edges(8, 1, 3, 3).reshape(8, 9, 1, 1)
    assert np.array_equal(round_filters(filters), nearest(filters))


def test_filters_that_bfloat16_has_already_stay() -> None:
    filters = nearest(edges(8, 4, 3, 3))
    assert np.array_equal(round_filters(filters), filters)


def test_a_smooth_image_is_answered_better() -> None:
    filters = torch.from_numpy(edges(32, 1, 3, 3))
    rows, columns = torch.meshgrid(torch.linspace(0, 3, 64), torch.linspace(0, 2, 64), indexing="ij")
    image = (0.5 + 0.2 * (rows.sin() + columns.cos()))[None, None]
    wanted = F.conv2d(image, filters)

    def error(rounding: Callable[[np.ndarray], np.ndarray]) -> float:
        return float((F.conv2d(image, torch.from_numpy(rounding(filters.numpy()))) - wanted).abs().mean())

    assert error(round_filters) < 0.2 * error(nearest)


@needs_openvino
def test_only_filters_of_an_openvino_model_change() -> None:
    import openvino

    torch.manual_seed(4)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 5, groups=8),
        nn.Conv2d(8, 4, 1),
        nn.Flatten(),
        nn.Linear(4 * 10 * 10, 2),
    ).eval()
    model = openvino.convert_model(network, example_input=torch.zeros(1, 1, 16, 16), input=[1, 1, 16, 16])

    def weights() -> dict[str, np.ndarray]:
        """Second inputs of the layers with weights, by what they look like."""
        kinds = ("Convolution", "GroupConvolution", "MatMul")
        layers = [layer for layer in model.get_ops() if layer.get_type_name() in kinds]
        return {str(layer.input_value(1).get_shape()): layer.input_value(1).get_node().data for layer in layers}

    before = {shape: array.copy() for shape, array in weights().items()}
    round_convolutions(model)
    after = weights()
    assert after.keys() == before.keys()
    changed = sorted(shape for shape in after if not np.array_equal(after[shape], before[shape]))
    assert changed == ["[8,1,1,5,5]", "[8,1,3,3]"]
    for shape in changed:
        assert np.array_equal(after[shape], round_filters(before[shape]))
    assert openvino.Core().compile_model(model, "CPU")(np.ones((1, 1, 16, 16), np.float32))[0].shape == (1, 2)


@needs_openvino
@pytest.mark.parametrize(("has", "precision", "rounds"), [(True, "bf16", 1), (True, "f32", 0), (False, "bf16", 0)])
def test_filters_are_rounded_where_bfloat16_is_calculated_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, has: bool, precision: str, rounds: int
) -> None:
    seen: list[object] = []
    monkeypatch.setattr("common.inferers.openvino.round_convolutions", seen.append)
    monkeypatch.setattr("common.inferers.openvino._has_bfloat16", lambda core: has)
    OpenVINOInferer(precision)(torch.rand(2, 1, 8, 8), nn.Conv2d(1, 2, 3))
    assert len(seen) == rounds
