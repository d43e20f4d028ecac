"""Half precision weights load into full precision networks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common.handlers import load_weights
from common.networks import TinyUNet
from common.networks.half import save_half


def test_half_precision_weights_load_and_agree(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = TinyUNet().eval()
    torch.save(network.state_dict(), tmp_path / "full.pt")
    save_half(tmp_path / "full.pt", tmp_path / "half.pt")
    assert (tmp_path / "half.pt").stat().st_size < 0.6 * (tmp_path / "full.pt").stat().st_size
    loaded = TinyUNet().eval()
    load_weights(loaded, tmp_path / "half.pt")
    assert next(loaded.parameters()).dtype == torch.float32
    x = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        assert torch.allclose(network(x), loaded(x), atol=2e-2)


def test_values_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    torch.save({"model": {"weight": torch.tensor([1.0, 1e6])}}, tmp_path / "full.pt")
    with pytest.raises(ValueError, match="values of weight do not fit half precision"):
        save_half(tmp_path / "full.pt", tmp_path / "half.pt")
    assert not (tmp_path / "half.pt").exists()
