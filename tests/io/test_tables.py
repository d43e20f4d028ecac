"""CSV and JSON files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from common.io import write_csv, write_json

ROWS = [{"image": "ö, 1.png", "status": "ok", "score": 0.25}, {"image": 'a "b".png', "status": "refused"}]


def test_csv(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ROWS, ["image", "status", "score"])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.DictReader(stream)) == [
            {"image": "ö, 1.png", "status": "ok", "score": "0.25"},
            {"image": 'a "b".png', "status": "refused", "score": ""},
        ]


def test_json(tmp_path: Path) -> None:
    content = {"größe": [1, 2.5, None], "nested": {"a": True}}
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == content
    assert "größe" in text


def test_errors_leave_the_old_file(tmp_path: Path) -> None:
    for path in (tmp_path / "a.csv", tmp_path / "a.json"):
        path.write_text("old")
    with pytest.raises(ValueError, match="not in fieldnames"):
        write_csv(tmp_path / "a.csv", ROWS, ["image"])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv": "old", "a.json": "old"}
