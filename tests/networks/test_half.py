"""Half precision weights load into full precision networks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import UsageError
from common.networks import TinyUNet, WeightsError, load_weights, read_tensors
from common.networks.half import main, save_half


def test_half_precision_weights_load_and_agree(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = TinyUNet().eval()
    torch.save(network.state_dict(), tmp_path / "full.pt")
    save_half(tmp_path / "full.pt", tmp_path / "half.pt")
    assert (tmp_path / "half.pt").stat().st_size < 0.6 * (tmp_path / "full.pt").stat().st_size
    assert read_tensors(tmp_path / "half.pt")["input_norm.num_batches_tracked"].dtype == torch.int64
    loaded = TinyUNet().eval()
    load_weights(loaded, tmp_path / "half.pt")
    assert next(loaded.parameters()).dtype == torch.float32
    x = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        assert torch.allclose(network(x), loaded(x), atol=2e-2)


def test_the_rounding_is_that_of_ieee_754(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = (rng.normal(size=4000) * 10.0 ** rng.uniform(-10, 4, 4000)).astype(np.float32)
    torch.save(
        {"a": torch.tensor(values), "b": torch.tensor([65504.0, 0.0]), "n": torch.tensor(70_000)}, tmp_path / "w"
    )
    found = save_half(tmp_path / "w", tmp_path / "w")
    rounded = values.astype(np.float16).astype(np.float64)
    assert read_tensors(tmp_path / "w")["a"].double().tolist() == rounded.tolist()
    assert int(read_tensors(tmp_path / "w")["n"]) == 70_000
    change, normal = np.abs(rounded - values), np.abs(values) >= 2.0**-14
    assert found.values == 4002
    assert found.relative_error == pytest.approx((change / np.abs(values))[normal].max(), rel=1e-6)
    assert 0.9 * 2.0**-11 < found.relative_error <= 2.0**-11
    assert found.absolute_error == pytest.approx(change[~normal].max(), rel=1e-6)
    assert found.absolute_error <= 2.0**-25
    assert found.vanished == (np.abs(values) <= 2.0**-25).sum() > 0


def test_what_half_precision_holds_comes_back_whole(tmp_path: Path) -> None:
    torch.save({"a": torch.tensor([1.5, -(2.0**-24), 0.0])}, tmp_path / "w")
    first = save_half(tmp_path / "w", tmp_path / "h")
    assert (first.relative_error, first.absolute_error, first.vanished) == (0, 0, 0)
    save_half(tmp_path / "h", tmp_path / "again")
    assert read_tensors(tmp_path / "again")["a"].tolist() == [1.5, -(2.0**-24), 0.0]


@pytest.mark.parametrize(("value", "text"), [(65_520.0, "65520"), (-1e6, "-1e+06"), (np.nan, "nan"), (np.inf, "inf")])
def test_values_beyond_half_precision_are_refused(tmp_path: Path, value: float, text: str) -> None:
    torch.save({"model": {"fine": torch.ones(2), "weight": torch.tensor([1.0, value])}}, tmp_path / "full.pt")
    message = (
        f"{tmp_path}/full.pt: 1 values of weight do not fit half precision (first: {text}). "
        "Accepted: finite values from -65504 to 65504."
    )
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}$"):
        save_half(tmp_path / "full.pt", tmp_path / "half.pt")
    assert not (tmp_path / "half.pt").exists()


def test_a_target_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "full.pt")
    with pytest.raises(
        UsageError, match=rf"^{tmp_path}/none/half\.pt: cannot be written \(No such file or directory\)$"
    ):
        save_half(tmp_path / "full.pt", tmp_path / "none" / "half.pt")
    (tmp_path / "half.pt").write_bytes(b"the weights of yesterday")

    def full(content: object, stream: object) -> None:
        stream.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UsageError, match=rf"^{tmp_path}/half\.pt: cannot be written \(No space left on device\)$"):
        save_half(tmp_path / "full.pt", tmp_path / "half.pt")
    assert (tmp_path / "half.pt").read_bytes() == b"the weights of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full.pt", "half.pt"]


def test_the_command_tells_sizes_and_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "full.pt", tmp_path / "half.pt"
    torch.save({"a": torch.tensor([1 + 2.0**-12, 1e-9])}, source)
    monkeypatch.setattr(sys, "argv", ["half", str(source), str(target)])
    main()
    assert capsys.readouterr().out.splitlines() == [
        f"{source} ({source.stat().st_size:,} bytes) -> {target} ({target.stat().st_size:,} bytes)",
        "2 values; largest relative error 2.4e-04, of those below 6.1e-05 largest error 1.0e-09; 1 became 0",
    ]
    source.write_bytes(b"")
    with pytest.raises(SystemExit, match=rf"^error: {source}: an empty file\. Accepted: a file of tensors"):
        main()
