"""lung_seg's evaluation overlay: the listed images, their masks, and figures that can be checked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle_facts import Bundle
from PIL import Image
from two_lungs import bright_network, picture, truth

from common.data import DataIndexError
from common.data.index_writer import write_index
from common.data.phantom_files import write_picture


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four test images of two sites and one to train on; what is bright in them differs from the truth in known ways.

    - a/same: bright is the truth
    - a/half: a speck in one corner that clean-up drops, and the smaller part of the truth is dark
    - b/apart: right and left mask in two files; bright is the truth
    - b/no_mask: no mask in the index
    """
    root = tmp_path / "data"
    whole = truth()
    smaller = np.zeros_like(whole)
    smaller[:, 56:] = whole[:, 56:]
    specks = whole & ~smaller
    specks[152:160, 88:96] = True
    pictures = {"a/same": whole, "a/half": specks, "b/apart": whole, "b/no_mask": whole, "b/train": whole}
    for name, bright in pictures.items():
        write_picture(root / f"{name}.png", picture(bright))
    for name, mask in {"same": whole, "half": whole, "right": whole & ~smaller, "left": smaller}.items():
        write_picture(root / "masks" / f"{name}.png", mask.astype(np.uint8) * 255)
    rows = [
        {"dataset": "a", "image": "a/same.png", "lung_mask": "masks/same.png", "seg_split": "test"},
        {"dataset": "a", "image": "a/half.png", "lung_mask": "masks/half.png", "seg_split": "test"},
        {
            "dataset": "b",
            "image": "b/apart.png",
            "left_lung_mask": "masks/left.png",
            "right_lung_mask": "masks/right.png",
            "seg_split": "test",
        },
        {"dataset": "b", "image": "b/no_mask.png", "seg_split": "test"},
        {"dataset": "b", "image": "b/train.png", "lung_mask": "masks/same.png", "seg_split": "train"},
    ]
    write_index(root, pd.DataFrame(rows).fillna(""))
    return root


def test_the_table_holds_the_true_values(lung_seg: Bundle, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = {"dataset_dir": data, "output_dir": out, "num_workers": 0, "num_cases": 1, **bright_network(tmp_path)}
    assert lung_seg.run("inference", "evaluate", **options) == 0
    assert sorted(pd.read_csv(out / "predictions.csv")["image"]) == ["a/half.png", "a/same.png", "b/apart.png"]
    assert sorted(path.name for path in (out / "a").glob("*.png")) == [
        *("half_lungs.png", "half_lungs_raw.png", "same_lungs.png", "same_lungs_raw.png"),
    ]
    table = pd.read_csv(out / "evaluation" / "per_image.csv", keep_default_na=False).set_index(["image", "stage"])
    assert sorted(table.index.unique("stage")) == ["final", "raw"]
    assert table.loc[("b/no_mask.png", "final"), "status"] == "no truth"

    whole, smaller = int(truth().sum()), int(truth()[:, 56:].sum())
    found, speck = whole - smaller, 64
    for image in ("a/same.png", "b/apart.png"):
        for stage in ("final", "raw"):
            assert float(table.loc[(image, stage), "dice"]) == 1.0
            assert int(table.loc[(image, stage), "tp"]) == whole
    expected = {"final": 2 * found / (found + whole), "raw": 2 * found / (found + speck + whole)}
    for stage, dice in expected.items():
        row = table.loc[("a/half.png", stage)]
        assert float(row["dice"]) == pytest.approx(dice, abs=1e-6)
        assert (int(row["fn"]), int(row["fp"])) == (smaller, speck if stage == "raw" else 0)
    assert expected["raw"] < expected["final"]

    for name in ("summary.csv", "summary.json", "summary.md", "distribution.png"):
        assert (out / "evaluation" / name).stat().st_size > 0
    cases = list((out / "evaluation" / "cases").rglob("*.png"))
    assert cases
    with Image.open(cases[0]) as drawn:
        assert min(drawn.size) > 100


def test_sites_and_lists_can_be_chosen(lung_seg: Bundle, data: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": data, "num_workers": 0, "num_cases": 0, **bright_network(tmp_path)}
    assert lung_seg.run("inference", "evaluate", output_dir=tmp_path / "a", sites=["a"], **options) == 0
    assert set(pd.read_csv(tmp_path / "a" / "evaluation" / "per_image.csv")["dataset"]) == {"a"}
    assert lung_seg.run("inference", "evaluate", output_dir=tmp_path / "b", splits=["train"], **options) == 0
    assert set(pd.read_csv(tmp_path / "b" / "evaluation" / "per_image.csv")["image"]) == {"b/train.png"}
    assert not (tmp_path / "b" / "evaluation" / "cases").exists()
    with pytest.raises(DataIndexError, match="unknown site c; the index has a, b"):
        lung_seg.run("inference", "evaluate", output_dir=tmp_path / "c", sites=["c"], **options)


def test_an_unreadable_image_is_listed_and_the_others_are_measured(
    lung_seg: Bundle, data: Path, tmp_path: Path
) -> None:
    (data / "a" / "same.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    options = {"dataset_dir": data, "num_workers": 0, "num_cases": 0, **bright_network(tmp_path)}
    assert lung_seg.run("inference", "evaluate", output_dir=tmp_path / "out", **options) == 3
    table = pd.read_csv(tmp_path / "out" / "evaluation" / "per_image.csv").set_index(["image", "stage"])
    lost = table.loc[("a/same.png", "final")]
    assert lost["status"] == "missing"
    assert lost["reason"].startswith("refused: a truncated or damaged PNG file")
    assert table.loc[("b/apart.png", "final"), "dice"] == 1.0


def test_files_that_are_missing_are_listed_and_the_others_are_measured(
    lung_seg: Bundle, data: Path, tmp_path: Path
) -> None:
    (data / "a" / "same.png").unlink()
    options = {"dataset_dir": data, "num_workers": 0, "num_cases": 0, **bright_network(tmp_path)}
    assert lung_seg.run("inference", "evaluate", output_dir=tmp_path / "out", **options) == 3
    table = pd.read_csv(tmp_path / "out" / "evaluation" / "per_image.csv").set_index(["image", "stage"])
    lost = table.loc[("a/same.png", "final")]
    assert (lost["status"], lost["reason"]) == ("missing", "refused: no such file")
    assert table.loc[("b/apart.png", "final"), "dice"] == 1.0
    for file in data.rglob("*.png"):
        file.unlink()
    with pytest.raises(DataIndexError, match="files named there do not exist"):
        lung_seg.run("inference", "evaluate", output_dir=tmp_path / "none", **options)
