"""The benchmarks of speed: every way is the one that its name says, in all bundles, and what fails is not timed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ignite.engine import Engine
from monai.data import MetaTensor
from torch import nn

from common.localization import METHODS, EvidenceMapper

REPOSITORY = Path(__file__).resolve().parents[2]
BUNDLES = ("lung_seg", "tb_cls", "tb_seg")
needs_runtimes = pytest.mark.skipif(
    not (find_spec("onnxruntime") and find_spec("openvino")), reason="the extras onnx and openvino are not installed"
)


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY))
        names = ("runtimes", "inference_speed", "localization", "classification_speed")
        yield SimpleNamespace(**{name: importlib.import_module(f"benchmarks.{name}") for name in names})


@needs_runtimes
@pytest.mark.parametrize("name", BUNDLES)
def test_every_way_is_what_its_name_says(benchmarks: Any, name: str, tmp_path: Path) -> None:
    bundle = REPOSITORY / "bundles" / name
    ways = benchmarks.runtimes.from_file(bundle)
    assert next(iter(ways)) == benchmarks.runtimes.PLAIN
    found = {}
    for way, setting in ways.items():
        parser = benchmarks.runtimes.configured(bundle, tmp_path / "films", tmp_path / "results", *setting)
        assert parser.get_parsed_content("dataset_dir") == str(tmp_path / "films")
        assert parser.get_parsed_content("num_workers") == 0
        # The inferer of tb_seg averages passes of another one.
        inferer = parser.get_parsed_content("one_pass" if name == "tb_seg" else "inferer")
        found[way] = (type(inferer).__name__, inferer)
    assert {way: kind for way, (kind, _) in found.items()} == {
        "torch fp32": "MixedPrecisionInferer",
        "torch bf16 channels_last": "MixedPrecisionInferer",
        "ONNX Runtime fp32": "ONNXRuntimeInferer",
        "OpenVINO f32": "OpenVINOInferer",
        "OpenVINO bf16": "OpenVINOInferer",
        "OpenVINO int8": "QuantizedInferer",
    }
    plain, half = found["torch fp32"][1], found["torch bf16 channels_last"][1]
    assert (plain.amp, plain.channels_last) == (False, False)
    assert (half.amp, half.channels_last) == (True, True)
    assert [found[f"OpenVINO {precision}"][1].precision for precision in ("f32", "bf16")] == ["f32", "bf16"]
    assert found["OpenVINO int8"][1].model.is_file()


def evaluator(rejected: list[list[Any]]) -> Engine:
    """Batches of which some items are refused."""

    def process(engine: Engine, batch: list[Any]) -> None:
        engine.state.rejected = batch

    engine = Engine(process)
    run = engine.run
    engine.run = lambda: run(rejected, max_epochs=1)
    return engine


def test_runs_with_refused_files_are_not_timed(benchmarks: Any) -> None:
    benchmarks.runtimes.run_quietly(evaluator([[], []]))
    refused = evaluator([[SimpleNamespace(reason="film.png: not a radiograph")], []])
    for _ in range(2):  # a second run counts anew
        with pytest.raises(RuntimeError, match=r"^1 radiographs without a result: film\.png: not a radiograph$"):
            benchmarks.runtimes.run_quietly(refused)


@pytest.mark.parametrize(("logits", "change"), [((1, 1, 2, 2), 0.5 - 1 / (1 + 2**0.5)), ((1, 2), 0.5 - 1 / 3)])
def test_changes_are_those_of_probabilities(
    benchmarks: Any, monkeypatch: pytest.MonkeyPatch, logits: tuple[int, ...], change: float
) -> None:
    """One way says 0 everywhere; the other one log(2) / 2 less, or log(2) less than for the other class."""

    def plain(images: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(images), *logits[1:])

    def other(images: torch.Tensor) -> torch.Tensor:
        found = plain(images)
        found[:, -1] -= torch.tensor(2.0).log() / (2 if found.dim() == 4 else 1)
        return found

    ways = {"torch fp32": plain, "OpenVINO int8": other}
    monkeypatch.setattr(benchmarks.inference_speed, "runtimes", lambda network, quantized: ways)
    rows = benchmarks.inference_speed.time_network(nn.Identity(), torch.zeros(5, 1, 8, 8), 1)
    assert rows["torch fp32"]["change"] == 0
    assert rows["torch fp32"]["ratio"] == 1
    assert rows["OpenVINO int8"]["change"] == pytest.approx(change, abs=1e-6)
    assert ("dice_to_torch" in rows["torch fp32"]) == (len(logits) == 4)


def test_passes_of_the_convolutions_are_counted(benchmarks: Any) -> None:
    """Maps by class weights and by gradients of the last maps take the pass that the probability needs."""
    passes = [0]
    network = benchmarks.localization.count_passes(benchmarks.localization.built("shipped"), passes)
    counts = {}
    for method in METHODS:
        passes[0] = 0
        EvidenceMapper(network, method, samples=3)(torch.rand(1, 1, 64, 64))
        counts[method] = passes[0]
    assert counts.pop("smooth_saliency") > 1
    assert set(counts.values()) == {1}


def test_hooked_evidence_keeps_the_scores(benchmarks: Any) -> None:
    """The reference with MONAI's hooks gives the network's own logits, and maps in [0, 1]."""
    network = benchmarks.localization.built("shipped")
    torch.manual_seed(0)
    images = torch.rand(2, 1, 96, 96)
    found = benchmarks.classification_speed.HookedInferer("grad_cam")(MetaTensor(images), network)
    with torch.no_grad():
        expected = network(images)
    assert torch.allclose(found["logits"].as_tensor(), expected, atol=1e-5)
    maps = found["evidence"].as_tensor()
    assert maps.shape == (2, 1, 96, 96)
    assert maps.amin() >= 0
    assert torch.allclose(maps.amax(dim=(1, 2, 3)), torch.ones(2))
