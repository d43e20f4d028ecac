"""Calibration maps by hand, and operating-point files: round trip and everything that can be wrong with one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import UsageError
from common.metrics.calibration_map import IsotonicMap, TemperatureMap, calibration_map
from common.metrics.operating_point_file import OperatingPoint, read_operating_point, write_operating_point

POINT = OperatingPoint(
    bundle="tb_cls",
    weights_sha256="ab" * 32,
    calibration=TemperatureMap(2.0, -0.5),
    threshold=0.25,
    rule="who_triage",
    fitted_on={"sites": ["north"], "split_column": "cls_split", "splits": ["val"], "n": 3, "positives": 1},
    measured={"auc": [0.9, 0.8, 0.95]},
)


def test_temperature_divides_and_bias_shifts_the_log_odds() -> None:
    scaled = TemperatureMap(2.0, -0.5)([3.0, 1.0, -40.0, 2000.0])
    assert scaled == pytest.approx([1 / (1 + math.exp(-1)), 0.5, 1 / (1 + math.exp(20.5)), 1.0])
    assert TemperatureMap()(0.0) == 0.5


def test_isotonic_is_a_polyline_that_is_level_outside() -> None:
    polyline = IsotonicMap([-1.0, 0.0, 4.0], [0.1, 0.1, 0.9])
    assert polyline([[-9.0, -0.5], [1.0, 9.0]]) == pytest.approx(np.array([[0.1, 0.1], [0.3, 0.9]]))


@pytest.mark.parametrize(
    "made",
    [
        lambda: TemperatureMap(0.0),
        lambda: TemperatureMap(-1.0),
        lambda: TemperatureMap(math.nan),
        lambda: TemperatureMap(1.0, math.inf),
        lambda: IsotonicMap([], []),
        lambda: IsotonicMap([1.0], [0.5, 0.6]),
        lambda: IsotonicMap([1.0, 1.0], [0.5, 0.6]),
        lambda: IsotonicMap([1.0, 2.0], [0.6, 0.5]),
        lambda: IsotonicMap([1.0, 2.0], [0.6, 1.5]),
        lambda: IsotonicMap([1.0, math.nan], [0.5, 0.6]),
    ],
)
def test_maps_that_make_no_sense_are_refused(made) -> None:
    with pytest.raises(ValueError, match="must"):
        made()


@pytest.mark.parametrize("calibration", [TemperatureMap(0.7, 1.25), IsotonicMap([-1.5, 0.0, 3.0], [0.0, 0.25, 1.0])])
def test_a_file_gives_back_what_was_written(tmp_path: Path, calibration: TemperatureMap | IsotonicMap) -> None:
    path = tmp_path / "point.json"
    point = OperatingPoint("tb_cls", "cd" * 32, calibration, 0.5, "youden", {"n": 3}, {"auc": [0.9, 0.8, 1.0]})
    write_operating_point(path, point)
    read = read_operating_point(path, "cd" * 32)
    assert read == point
    assert calibration_map(calibration.record()) == calibration
    assert json.loads(path.read_text())["format"] == 1


def test_probabilities_from_the_threshold_on_are_positive() -> None:
    scores = np.array([2 * (math.log(0.25 / 0.75) + 0.5) + step for step in (-1e-9, 1e-9)])
    probabilities, decisions = POINT.decide(scores)
    assert probabilities == pytest.approx([0.25, 0.25])
    assert decisions.tolist() == [False, True]
    assert bool(OperatingPoint("b", "a", TemperatureMap(), 0.5, "r").decide(0.0)[1])


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    write_operating_point(path, POINT)
    with pytest.raises(
        UsageError, match=r"point\.json: made for other weights \(SHA-256 abababababab…, these have 0{12}…"
    ):
        read_operating_point(path, "0" * 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2; this version reads format 1"),
        ({"format": None}, "format None"),
        ({"bundle": ""}, "bundle must be a text"),
        ({"weights_sha256": 7}, "weights_sha256 must be a text, got 7"),
        ({"score": "probability"}, "score probability; accepted is log-odds of tb"),
        ({"threshold": 1.5}, "the threshold must be a probability from 0 to 1, got 1.5"),
        ({"threshold": math.nan}, "the threshold must be a probability from 0 to 1, got nan"),
        ({"threshold": True}, "the threshold must be a probability"),
        ({"threshold": "0.5"}, "the threshold must be a probability"),
        ({"calibration": {"method": "platt"}}, "calibration method platt; accepted are temperature, isotonic"),
        ({"calibration": None}, "calibration method None"),
        ({"calibration": {"method": ["temperature"]}}, r"calibration method \['temperature'\]"),
        ({"calibration": {"method": "temperature", "temperature": 1.0}}, "without bias"),
        ({"calibration": {"method": "temperature", "temperature": "warm", "bias": 0}}, "of method temperature: "),
        ({"calibration": {"method": "isotonic", "scores": [2, 1], "probabilities": [0, 1]}}, "be finite and rise"),
        ({"calibration": {"method": "isotonic", "scores": "ab", "probabilities": "cd"}}, "of method isotonic: "),
        ({"fitted_on": ["north"]}, "fitted_on must be a JSON object"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "point.json"
    write_operating_point(path, POINT)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UsageError, match=message) as raised:
        read_operating_point(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not a JSON file"), ("[1]", "no JSON object"), ("\xff", "not a JSON")]
)
def test_files_of_another_kind_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "point.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=message):
        read_operating_point(path)


def test_a_missing_file_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such operating-point file; python -m common\.evaluation operating-point"):
        read_operating_point(tmp_path / "none.json")
