"""The command that fits the reference, and the flags in the table of an inference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import monai.bundle
import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from common.data.phantom_files import write_picture
from common.errors import causes
from common.quality import Quality, QualityReference, QualityReferenceError
from common.quality.__main__ import main
from common.transforms import describe_lungs

BUNDLE = Path(__file__).resolve().parents[2] / "bundles" / "lung_seg"


def drawing(seed: int) -> np.ndarray:
    """Two bright lungs of varying form on dark, rows x columns: bool."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :96] / 96
    top, bottom = rng.uniform(0.1, 0.2), rng.uniform(0.75, 0.85)
    slope = rng.uniform(0.15, 0.25)
    right = (x > 0.3 - slope * y) & (x < rng.uniform(0.42, 0.46))
    left = (x < 0.7 + slope * y) & (x > rng.uniform(0.55, 0.62))
    return ((y > top) & (y < bottom) & right) | ((y > top) & (y < bottom - 0.1) & left)


def radiograph(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (np.where(drawing(seed), 180, 40) + rng.integers(0, 30, (96, 96))).astype(np.uint8)


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    """inference.yaml with a network whose lungs are what is bright."""
    torch.save({"weight": torch.full((1, 1, 1, 1), 60.0), "bias": torch.tensor([-30.0])}, tmp_path / "bright.pt")
    overlay = {
        "network_def": {"_target_": "torch.nn.Conv2d", "in_channels": 1, "out_channels": 1, "kernel_size": 1},
        "weights": str(tmp_path / "bright.pt"),
        "image_size": [64, 64],
        "num_workers": 0,
    }
    (tmp_path / "bright.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return [str(BUNDLE / "configs" / "inference.yaml"), str(tmp_path / "bright.yaml")]


@pytest.fixture
def fitted(config: list[str], tmp_path: Path) -> Path:
    """A reference made by the command from 14 drawn radiographs."""
    rows = []
    for seed in range(16):
        names = {"image": f"images/{seed}.png", "lung_mask": f"masks/{seed}.png"}
        write_picture(tmp_path / "data" / names["image"], radiograph(seed))
        write_picture(tmp_path / "data" / names["lung_mask"], drawing(seed).astype(np.uint8) * 255)
        split = "train" if seed < 10 else "val" if seed < 14 else "test"
        rows.append({"dataset": "drawn", **names, "seg_split": split})
    pd.DataFrame(rows).to_csv(tmp_path / "data" / "index.csv", index=False)
    output = tmp_path / "quality.json"
    arguments = [str(BUNDLE), str(tmp_path / "data"), "--config_file", *config, "--output", str(output)]
    assert main(["fit", *arguments]) == 0
    return output


def infer(config: list[str], tmp_path: Path, **options: Any) -> pd.DataFrame:
    """The table of an inference on ``tmp_path/in``."""
    folders = {"dataset_dir": str(tmp_path / "in"), "output_dir": str(tmp_path / "out")}
    monai.bundle.run(bundle_root=str(BUNDLE), config_file=config, logging_file=False, **folders, **options)
    return pd.read_csv(tmp_path / "out" / "predictions.csv", keep_default_na=False, dtype=str).set_index("image")


def test_the_flags_reach_the_table(config: list[str], fitted: Path, tmp_path: Path) -> None:
    pictures = {
        "good.png": radiograph(14),
        "turned.png": np.ascontiguousarray(radiograph(15)[::-1, ::-1]),
        "even.png": np.pad(radiograph(15)[40:50, 40:50], 43, constant_values=99),
    }
    for name, picture in pictures.items():
        write_picture(tmp_path / "in" / name, picture)
    rows = infer(config, tmp_path, quality_reference=str(fitted))
    assert list(rows.columns[-2:]) == ["lung_confidence", "chest_distance"]
    assert set(rows["status"]) == {"ok"}
    flags = rows["flags"].str.split()
    assert not {"not_frontal_chest", "upside_down", "sideways"} & set(flags["good.png"])
    assert {"not_frontal_chest", "upside_down"} <= set(flags["turned.png"])
    assert {"low_contrast", "not_frontal_chest"} <= set(flags["even.png"])
    assert 0.9 < float(rows.loc["good.png", "lung_confidence"]) <= 1
    assert float(rows.loc["good.png", "chest_distance"]) < 1 < float(rows.loc["turned.png", "chest_distance"])
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert record["settings"]["quality_flags"] is True


def test_the_rules_can_be_switched_off(config: list[str], tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "good.png", radiograph(14))
    rows = infer(config, tmp_path, quality_flags=False, quality_reference=str(tmp_path / "absent.json"))
    assert list(rows.columns[-1:]) == ["box_h"]
    assert rows.loc["good.png", "flags"] == ""


def test_flags_do_not_change_the_masks(config: list[str], fitted: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "good.png", radiograph(14))
    infer(config, tmp_path, quality_flags=False)
    before = (tmp_path / "out" / "good_lungs.png").read_bytes()
    infer(config, tmp_path, quality_reference=str(fitted))
    assert (tmp_path / "out" / "good_lungs.png").read_bytes() == before


def test_a_missing_reference_stops_the_run_before_any_output(config: list[str], tmp_path: Path) -> None:
    write_picture(tmp_path / "in" / "good.png", radiograph(14))
    with pytest.raises(RuntimeError) as caught:
        infer(config, tmp_path, quality_reference=str(tmp_path / "absent.json"))
    short = [str(error) for error in causes(caught.value) if isinstance(error, QualityReferenceError)]
    assert short == [
        f"{tmp_path / 'absent.json'}: No such file or directory; make one with python -m common.quality fit, "
        "or switch quality_flags off"
    ]
    assert not (tmp_path / "out").exists()


def test_the_command_records_where_its_figures_come_from(fitted: Path, tmp_path: Path) -> None:
    origin = QualityReference.load(fitted).origin
    assert (origin["train"], origin["val"], origin["split_column"]) == (10, 4, "seg_split")
    assert len(origin["weights_sha256"]) == 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--config_file": "absent.yaml"}, "error: absent.yaml: no such configuration\n"),
        ({"--weights": "absent.pt"}, "error: absent.pt: no weights there. Train them with"),
        ({"--split_column": "folds"}, "error: no split column folds"),
    ],
)
def test_errors_of_use_are_one_line(
    fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], message: str
) -> None:
    words = [word for pair in change.items() for word in pair]
    capsys.readouterr()
    assert main(["fit", str(BUNDLE), str(tmp_path / "data"), "--output", str(tmp_path / "no.json"), *words]) == 1
    error = capsys.readouterr().err
    assert error.splitlines()[-1].startswith(message.strip())
    assert "Traceback" not in error
    assert not (tmp_path / "no.json").exists()


def test_a_configuration_without_the_rules_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.yaml").write_text("postprocessing: {transforms: []}\n", encoding="utf-8")
    write_picture(tmp_path / "a.png", radiograph(0))
    index = {"dataset": "drawn", "image": "a.png", "lung_mask": "a.png", "seg_split": "train"}
    pd.DataFrame([index, {**index, "seg_split": "val"}]).to_csv(tmp_path / "index.csv", index=False)
    assert main(["fit", str(BUNDLE), str(tmp_path), "--config_file", str(tmp_path / "other.yaml")]) == 1
    assert "no common.quality.AssessQualityd in postprocessing" in capsys.readouterr().err


def test_columns_of_an_item_with_and_without_the_rules() -> None:
    mask = torch.zeros(10, 10)
    assert describe_lungs({"pred": mask})["flags"] == ["no_lungs"]
    quality = Quality(("no_lungs", "not_frontal_chest"), 0.123456, 1.98765)
    columns = describe_lungs({"pred": mask, "quality": quality})
    assert columns["flags"] == ["no_lungs", "not_frontal_chest"]
    assert (columns["lung_confidence"], columns["chest_distance"]) == (0.1235, 1.988)
