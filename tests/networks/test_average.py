"""Means of the weights of several runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from common.errors import UsageError
from common.networks import TinyUNet, UNet, WeightsError, load_weights
from common.networks.average import average_states, main


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    paths = []
    for seed in range(3):
        torch.manual_seed(seed)
        paths.append(tmp_path / f"{seed}.pt")
        torch.save(TinyUNet().state_dict(), paths[-1])
    return paths


def test_every_tensor_is_the_mean(runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["average", *map(str, runs), "--output", str(tmp_path / "mean.pt")])
    main()
    states = [torch.load(path, weights_only=True) for path in runs]
    mean = torch.load(tmp_path / "mean.pt", weights_only=True)
    assert mean.keys() == states[0].keys()
    for name, tensor in mean.items():
        expected = sum(state[name] for state in states) / 3
        assert torch.allclose(tensor.float(), torch.as_tensor(expected).float(), atol=1e-6), name
    load_weights(TinyUNet(), tmp_path / "mean.pt")


def test_equal_runs_are_reproduced(runs: list[Path]) -> None:
    mean = average_states([runs[0]] * 4)
    assert all(torch.equal(tensor, mean[name]) for name, tensor in torch.load(runs[0], weights_only=True).items())


def test_another_network_and_a_single_file_are_refused(runs: list[Path], tmp_path: Path) -> None:
    torch.save(UNet().state_dict(), tmp_path / "unet.pt")
    with pytest.raises(WeightsError, match=r"unet\.pt: weights of another network"):
        average_states([runs[0], tmp_path / "unet.pt"])
    with pytest.raises(UsageError, match="at least two"):
        average_states(runs[:1])
