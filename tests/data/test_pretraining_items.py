"""Lists of modality-specific pretraining."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from common.data import DataIndexError, pretraining_items

LISTS = {"listed": "cls_split", "other": "seg_split", "unlisted": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [
        ("listed", f"l{i}.png", f"l{i}", str(i % 2), "", ("train", "val", "test")[i % 3], "test") for i in range(12)
    ]
    rows += [("other", f"o{i}.png", f"o{i}", "", str(i % 2), "test", ("train", "val")[i % 2]) for i in range(6)]
    # Two images of each patient.
    rows += [("unlisted", f"u{i}.png", f"u{i // 2}", "", str(i % 2), "", "") for i in range(400)]
    names = ["dataset", "image", "patient_id", "tb", "abnormal", "cls_split", "seg_split"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "index.csv", index=False)
    for row in rows:
        (tmp_path / row[1]).touch()
    return tmp_path


def names(folder: Path, part: str, **options: float) -> set[str]:
    return {Path(item["image"]).stem for item in pretraining_items(folder, lists=LISTS, part=part, **options)}  # type: ignore[arg-type]


def test_listed_sites_keep_to_their_lists(folder: Path) -> None:
    train, val = names(folder, "train"), names(folder, "val")
    assert {name for name in train if name[0] != "u"} == {"l0", "l3", "l6", "l9", "o0", "o2", "o4"}
    assert {name for name in val if name[0] != "u"} == {"l1", "l4", "l7", "l10", "o1", "o3", "o5"}


def test_patients_of_unlisted_sites_are_shared_out_whole(folder: Path) -> None:
    train, val = names(folder, "train"), names(folder, "val")
    assert not train & val
    patients = [{int(name[1:]) // 2 for name in part if name[0] == "u"} for part in (train, val)]
    assert not patients[0] & patients[1]
    assert len(patients[0] | patients[1]) == 200
    assert len(patients[1]) == 30
    assert len(names(folder, "val", share=0.5)) == 7 + 200


def test_wrong_parts_and_single_classes_are_refused(folder: Path) -> None:
    with pytest.raises(DataIndexError, match="part: train or val is needed, found test"):
        pretraining_items(folder, lists=LISTS, part="test")
    with pytest.raises(DataIndexError, match="the 3 images of other are all of one class"):
        pretraining_items(folder, lists={"other": "seg_split"}, part="train")
