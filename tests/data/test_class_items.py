"""Which rows of an index become items of classification, and which class they get."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from common.data import DataIndexError, class_items


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        ("a", "a0.png", "0", "0", "train"),
        ("a", "a1.png", "1", "1", "train"),
        ("a", "a2.png", "1", "", "val"),
        ("b", "b0.png", "", "1", "train"),
        ("b", "b1.png", "", "", "train"),
        ("b", "b2.png", "0.0", "0", "val"),
    ]
    names = ["dataset", "image", "tb", "abnormal", "cls_split"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "index.csv", index=False)
    for row in rows:
        (tmp_path / row[1]).touch()
    return tmp_path


def classes(items: list[dict[str, object]]) -> dict[str, object]:
    return {Path(str(item["image"])).stem: item["label"] for item in items}


def test_rows_with_a_class_become_items(folder: Path) -> None:
    items = class_items(folder)
    assert classes(items) == {"a0": 0, "a1": 1, "a2": 1, "b2": 0}
    assert items[1] == {"image": str(folder / "a1.png"), "label": 1, "site": "a", "group": "a 1"}


def test_the_first_filled_column_counts(folder: Path) -> None:
    assert classes(class_items(folder, labels=["abnormal", "tb"])) == {"a0": 0, "a1": 1, "a2": 1, "b0": 1, "b2": 0}


def test_any_column_of_the_index_can_hold_the_class(folder: Path) -> None:
    table = pd.read_csv(folder / "index.csv", dtype=str)
    table.assign(pneumothorax=["1", "0", "", "1", "", "0"]).to_csv(folder / "index.csv", index=False)
    assert classes(class_items(folder, labels="pneumothorax")) == {"a0": 1, "a1": 0, "b0": 1, "b2": 0}
    assert classes(class_items(folder, labels=["pneumothorax", "tb"]))["a2"] == 1


def test_sites_and_splits_select(folder: Path) -> None:
    assert classes(class_items(folder, sites=["a"], splits=["train"])) == {"a0": 0, "a1": 1}


def test_one_class_is_refused_unless_allowed(folder: Path) -> None:
    with pytest.raises(DataIndexError, match=r"all 1 selected images have tb = 0; both classes are needed"):
        class_items(folder, sites=["b"])
    assert classes(class_items(folder, sites=["b"], both_classes=False)) == {"b2": 0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "effusion"}, r"index\.csv: column effusion is missing; found dataset, image, tb, abnormal"),
        ({"labels": ["tb", "effusion"]}, r"index\.csv: labels: no column effusion"),
        ({"labels": "cls_split"}, r"index\.csv: cls_split must be 0, 1 or empty, found train, val"),
        ({"labels": []}, r"labels: the column of the class is needed, such as tb, found none"),
        ({"sites": ["b"], "splits": ["train"]}, r"none of the 2 selected rows has a value of tb"),
    ],
)
def test_impossible_selections(folder: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataIndexError, match=message):
        class_items(folder, **options)  # type: ignore[arg-type]


def test_an_index_without_the_class_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("image\na.png\n")
    with pytest.raises(DataIndexError, match=r"index\.csv: column tb is missing; found image"):
        class_items(tmp_path)


def test_values_other_than_0_and_1_are_refused(folder: Path) -> None:
    path = folder / "index.csv"
    path.write_text(path.read_text().replace("a,a1.png,1,1", "a,a1.png,TB,1"))
    with pytest.raises(DataIndexError, match=r"index\.csv: tb must be 0, 1 or empty, found TB"):
        class_items(folder)


def test_absent_files_are_listed(folder: Path) -> None:
    (folder / "a1.png").unlink()
    with pytest.raises(DataIndexError, match=r"1 files named there do not exist: a1\.png"):
        class_items(folder)


def test_a_limit_spreads_over_the_list(folder: Path) -> None:
    assert classes(class_items(folder, limit=2)) == {"a0": 0, "a2": 1}
