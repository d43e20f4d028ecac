"""The sanity check of the shipped classifier's maps: its baseline, its radiographs, its table."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import torch

from common.data import write_phantom_dataset

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY))
        yield importlib.import_module("benchmarks.randomised_maps")


def test_equal_images_have_equal_maps_and_shuffled_weights_others(bench: ModuleType) -> None:
    torch.manual_seed(0)
    network = bench.built("shipped")
    image = torch.rand(1, 1, 128, 128)
    found = bench.similarity(network, image.expand(3, -1, -1, -1), "signed_crm", 2)
    assert found["next image, rank"] == pytest.approx(1)
    assert found["next image, SSIM"] == pytest.approx(1)
    assert found["shuffled, rank"] < 0.9
    other = bench.similarity(network, torch.cat([image, 1 - image]), "signed_crm", 1)
    assert other["next image, rank"] < 0.999


def test_radiographs_with_tb_of_the_list_are_prepared_and_the_table_is_printed(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_phantom_dataset(tmp_path, 6, seed=0, size=(96, 96))  # every second one has TB
    table = pd.read_csv(tmp_path / "index.csv", dtype=str, keep_default_na=False)
    table.assign(det_split=["val"] * 4 + ["train"] * 2).to_csv(tmp_path / "index.csv", index=False)
    images = bench.inputs(tmp_path, "det_split", "val", 10)
    assert images.shape == (2, 1, 320, 320)
    assert (images.amin(), images.amax()) == (0, 1)
    assert len(bench.inputs(tmp_path, "det_split", "train", 10)) == 1

    monkeypatch.setattr(bench, "inputs", lambda *arguments: images[:, :, ::4, ::4])
    bench.main(["--data", str(tmp_path), "--seeds", "1", "--methods", "crm", "cam"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| method | shuffled, rank | next image, rank | shuffled, SSIM | next image, SSIM |"
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| crm", "| cam"]
