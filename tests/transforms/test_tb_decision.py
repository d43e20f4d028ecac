"""From logits to probability, decision and columns."""

from __future__ import annotations

import hashlib
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor

from common.errors import UsageError
from common.metrics.calibration_map import TemperatureMap
from common.metrics.operating_point_file import OperatingPoint, write_operating_point
from common.transforms.tb_decision import DecideTBd, describe_tb


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file that stands for weights."""
    path = tmp_path / "model.pt"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def point(tmp_path: Path, weights: Path) -> Path:
    """Temperature 2, bias 1, threshold 0.9, for these weights."""
    path = tmp_path / "operating_point.json"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    write_operating_point(path, OperatingPoint("tb_cls", digest, TemperatureMap(2.0, 1.0), 0.9, "youden"))
    return path


@pytest.mark.parametrize(
    "logits", [torch.tensor([0.25, 1.25]), torch.tensor([1.0]), torch.tensor([1.0]).bfloat16(), np.array([-3.0, -2.0])]
)
def test_two_logits_and_one_give_the_same_log_odds(logits: torch.Tensor | np.ndarray) -> None:
    item = DecideTBd()({"pred": logits, "image": "kept"})
    assert item["image"] == "kept"
    assert item["pred"] is logits
    assert describe_tb(item) == {
        "tb_score": 1.0,
        "tb_probability": round(1 / (1 + math.exp(-1)), 6),
        "tb": 1,
        "flags": ["uncalibrated"],
    }


def test_a_radiograph_without_lungs_is_flagged() -> None:
    images = {found: MetaTensor(torch.zeros(1, 4, 4), meta={"lungs_found": found}) for found in (True, False)}
    items = {found: DecideTBd()({"pred": torch.zeros(2), "image": image}) for found, image in images.items()}
    assert items[True]["tb_probability"] == 0.5
    assert describe_tb(items[True])["flags"] == ["uncalibrated"]
    assert describe_tb(items[False])["flags"] == ["uncalibrated", "no_lungs"]


def test_without_a_file_the_threshold_is_a_half() -> None:
    decide = DecideTBd("logits")
    assert [describe_tb(decide({"logits": torch.tensor([x])}))["tb"] for x in (-1e-6, 0.0)] == [0, 1]


def test_the_file_calibrates_and_decides(point: Path, weights: Path) -> None:
    decide = DecideTBd("pred", point, weights)
    edge = 2 * (math.log(9) - 1)
    columns = [describe_tb(decide({"pred": torch.tensor([0.0, edge + step]).double()})) for step in (-0.001, 0.001)]
    assert [row["tb"] for row in columns] == [0, 1]
    assert [row["tb_probability"] for row in columns] == pytest.approx([0.9, 0.9], abs=1e-4)
    assert [row["tb_score"] for row in columns] == pytest.approx([edge, edge], abs=0.0011)
    assert columns[0]["flags"] == []


def test_files_are_read_at_first_use(tmp_path: Path, weights: Path) -> None:
    parser = ConfigParser(
        {
            "decide": {
                "_target_": "common.transforms.tb_decision.DecideTBd",
                "keys": "pred",
                "operating_point": str(tmp_path / "later.json"),
                "weights": str(weights),
            }
        }
    )
    decide = parser.get_parsed_content("decide")
    for use in (decide.load, lambda: decide({"pred": torch.zeros(2)})):
        with pytest.raises(UsageError, match="no such operating-point file"):
            use()


def test_read_once_and_carried_to_other_processes(point: Path, weights: Path) -> None:
    decide = DecideTBd("pred", point, weights)
    decide.load()
    point.unlink()
    copy = pickle.loads(pickle.dumps(decide))
    assert describe_tb(copy({"pred": torch.tensor([0.0])}))["tb_probability"] == pytest.approx(0.731059)


def test_another_model_is_refused(point: Path, weights: Path) -> None:
    weights.write_bytes(b"other weights")
    with pytest.raises(UsageError, match="made for other weights"):
        DecideTBd("pred", point, weights).load()


def test_a_file_without_weights_is_refused(point: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs the weights"):
        DecideTBd("pred", point).load()
    with pytest.raises(UsageError, match=r"none\.pt: no such file of weights"):
        DecideTBd("pred", point, tmp_path / "none.pt").load()


@pytest.mark.parametrize("logits", [torch.zeros(3), torch.zeros(1, 2), torch.tensor(0.0)])
def test_logits_of_another_shape_are_refused(logits: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"a TB classifier gives \[1\] or \[2\]"):
        DecideTBd()({"pred": logits})


@pytest.mark.parametrize("logits", [[math.nan], [0.0, math.inf], [math.inf, math.inf]])
def test_logits_that_are_no_numbers_are_refused(logits: list[float]) -> None:
    with pytest.raises(ValueError, match="no probability follows"):
        DecideTBd()({"pred": torch.tensor(logits)})


def test_several_entries_are_refused() -> None:
    with pytest.raises(ValueError, match="one entry with logits is accepted, got pred, other"):
        DecideTBd(["pred", "other"])
