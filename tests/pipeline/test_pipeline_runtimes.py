"""The runtimes that are faster than plain torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pipeline_runs import GOOD, REPOSITORY, table

from common.networks import TinyUNet
from common.networks.weights import load_weights
from common.pipeline import LungNetwork
from common.pipeline.lung_network import native_bfloat16

LUNGS = REPOSITORY / "bundles" / "tb_cls" / "models" / "lungs.pt"


@pytest.mark.parametrize("native", [False, True])
def test_the_lung_network_finds_the_same(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.pipeline.lung_network.native_bfloat16", lambda: native)
    plain, fast = TinyUNet().eval(), LungNetwork(TinyUNet()).eval()
    load_weights(plain, LUNGS)
    load_weights(fast, LUNGS)
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, found = plain(images).sigmoid(), fast(images).sigmoid()
    assert found.dtype == torch.float32
    assert float((found - expected).abs().max()) < (0.05 if native else 1e-4)


def test_bfloat16_needs_its_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    for capabilities, expected in (({"avx512_bf16": True}, True), ({"avx512_f": True, "amx_bf16": False}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found, raising=False)
        assert native_bfloat16() is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert native_bfloat16() is False


@pytest.mark.parametrize(("runtime", "apart", "dice"), [("openvino", 0.05, 0.99), ("int8", 0.2, 0.98)])
def test_results_in_openvino_are_close(
    runtime: str, apart: float, dice: float, infer: Callable[..., int], in_turn: Path, tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    # A pixel more or less of these small films moves the crop of the classifier by a hundredth: it is left out here.
    fixed = ("--set", "tb_cls.lung_crop=False")
    assert infer("--only", "lung_seg", "tb_cls", *fixed, runtime="torch") == 3
    probability = table(tmp_path / "out").loc[list(GOOD), "tb_probability"].astype(float)
    assert infer("--only", "lung_seg", "tb_cls", *fixed, runtime=runtime) == 3
    found = table(tmp_path / "out").loc[list(GOOD), "tb_probability"].astype(float)
    assert (found - probability).abs().max() < apart
    for name in ("a", "deep/b.dcm", "c.nii.gz"):
        ours, theirs = (
            np.asarray(Image.open(folder / "lung_seg" / f"{name}_lungs.png")) > 0
            for folder in (tmp_path / "out", in_turn)
        )
        assert 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()) > dice


def test_integers_made_from_other_weights_are_refused(
    infer: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openvino")
    assert infer("--only", "tb_seg", runtime="int8") == 1  # whose weights are not those of the released bundle
    assert (
        "tb_seg/models/model_int8.xml: made from other weights than the configuration reads" in capsys.readouterr().err
    )
