from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.data import DataIndexError, read_index
from common.data.check import check_folder
from common.data.findings import Finding, findings_table, findings_text

BOX = '[{"label": "%s", "xywh": [%s]}]'


def _kinds(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(item.severity, item.kind) for item in findings]


def _rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    Image.fromarray(change(np.array(Image.open(path)))).save(path)


def test_a_correct_folder_has_no_findings(data_folder: Callable) -> None:
    rows = [
        {"lung_mask": f"site/masks/{n}.png", "sex": "F", "age": "1.33", "tb": "1", "seg_split": "train"}
        for n in range(3)
    ]
    rows.append({"left_lung_mask": "site/l.png", "right_lung_mask": "site/r.png", "seg_split": "test"})
    rows.append(
        {"boxes": BOX % ("active", "0, 0, 80, 96"), "det_split": "3", "spacing_x": "0.175", "spacing_y": "0.175"}
    )

    assert check_folder(data_folder(rows)) == []


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"sex": "female"}, ("error", "label")),
        ({"tb": "2"}, ("error", "label")),
        ({"abnormal": "yes"}, ("error", "label")),
        ({"age": "-3"}, ("error", "age")),
        ({"age": "045Y"}, ("error", "age")),
        ({"age": "nan"}, ("error", "age")),
        ({"age": "0"}, ("warning", "age")),
        ({"seg_split": "training"}, ("error", "split_name")),
        ({"spacing_x": "17.5"}, ("error", "spacing")),
        ({"spacing_y": "x"}, ("error", "spacing")),
        ({"boxes": "[[1, 2, 3, 4]]"}, ("error", "box_format")),
        ({"boxes": "{"}, ("error", "box_format")),
        ({"boxes": BOX % ("active", "1, 2, 3")}, ("error", "box_format")),
        ({"boxes": BOX % ("old", "1, 2, 3, 4")}, ("warning", "box_label")),
        ({"boxes": BOX % ("active", "1, 2, 0, 4")}, ("error", "box_empty")),
        ({"boxes": BOX % ("latent", "70, 2, 12, 4")}, ("error", "box_outside")),
        ({"boxes": BOX % ("latent", "-2, 2, 11, 4")}, ("error", "box_outside")),
        ({"boxes": "[]", "tb": "1"}, ("warning", "box_missing")),
        ({"image": "site/images/MCUCXR_0001_0.png"}, ("error", "foreign_image")),
        ({"image": "../elsewhere.png"}, ("warning", "path")),
    ],
)
def test_one_wrong_value_is_one_finding(data_folder: Callable, row: dict[str, str], kind: tuple[str, str]) -> None:
    findings = check_folder(data_folder([{}, row]))

    assert _kinds(findings) == [kind]
    assert findings[0].images == (row.get("image", "site/images/001.png"),)


def test_files_that_are_missing_damaged_or_of_another_kind(data_folder: Callable) -> None:
    masked = [{"lung_mask": f"site/masks/{n}.png"} for n in range(8)]
    root = data_folder([*masked, {}, {}])
    (root / "site/masks/0.png").unlink()
    (root / "site/masks/1.png").write_text("no picture")
    _rewrite(root / "site/masks/2.png", lambda mask: mask[:-1])
    _rewrite(root / "site/masks/3.png", lambda mask: np.where(mask > 0, 100 + np.arange(80, dtype=np.uint8), 0))
    _rewrite(root / "site/masks/4.png", np.zeros_like)
    _rewrite(root / "site/masks/5.png", np.roll(np.eye(96, 80, dtype=np.uint8), 9).__or__)
    _rewrite(root / "site/images/006.png", lambda image: 255 - image)
    (root / "site/images/008.png").unlink()
    (root / "site/images/009.png").write_bytes((root / "site/images/007.png").read_bytes()[:200])

    findings = {item.images[0][-7:-4]: item for item in check_folder(root)}

    assert {name: item.kind for name, item in findings.items()} == {
        "000": "mask",
        "001": "mask",
        "002": "mask_size",
        "003": "mask_levels",
        "004": "mask_empty",
        "005": "mask_levels",
        "006": "mask_bright",
        "008": "image",
        "009": "image",
    }
    assert findings["002"].message == "site/masks/2.png has 80 x 95, its image 80 x 96 pixels"
    assert findings["008"].message.startswith("site/images/008.png: no such file")
    assert str(root) not in " ".join(item.message for item in findings.values())


def test_pieces_and_sides_of_masks(data_folder: Callable) -> None:
    sides = {"left_lung_mask": "site/right.png", "right_lung_mask": "site/left.png"}
    root = data_folder([{"lung_mask": "site/both.png"}, sides])

    def scatter(mask: np.ndarray) -> np.ndarray:
        mask[2:6, 2:6] = 255
        mask[0, 79] = 255
        return mask

    _rewrite(root / "site/both.png", scatter)
    left, right = (Image.open(root / sides[name]).copy() for name in ("left_lung_mask", "right_lung_mask"))
    left.save(root / sides["right_lung_mask"])
    right.save(root / sides["left_lung_mask"])

    findings = check_folder(root)

    assert _kinds(findings) == [("warning", "mask_pieces"), ("error", "sides_swapped")]
    assert "3 pieces and 1 specks; expected 2" in findings[0].message


def test_patients_and_pictures_in_two_splits(data_folder: Callable) -> None:
    rows = [
        {"patient_id": "7", "seg_split": "train"},
        {"patient_id": "7", "seg_split": "test"},
        {"seed": "20", "seg_split": "train"},
        {"seed": "20", "seg_split": "test"},
        {"seed": "30", "seg_split": "train", "cls_split": "val"},
        {"seed": "30", "dataset": "other"},
        {"seed": "40", "seg_split": "train"},
        {"seed": "40", "seg_split": "train"},
        {"patient_id": "8", "seg_split": "train"},
        {"patient_id": "8", "cls_split": "test"},
    ]

    findings = check_folder(data_folder(rows))

    assert [(item.severity, item.kind, [name[-7:-4] for name in item.images]) for item in findings] == [
        ("error", "patient_in_two_splits", ["000", "001"]),
        ("error", "same_picture_two_splits", ["002", "003"]),
        ("error", "same_picture_two_sites", ["004", "005"]),
        ("warning", "same_picture", ["006", "007"]),
    ]


def test_rows_and_columns_of_the_index(data_folder: Callable) -> None:
    root = data_folder([{}, {}])
    table = read_index(root)
    pd.concat([table, table.iloc[[1]]]).assign(ward="3").to_csv(root / "index.csv", index=False)

    findings = check_folder(root, processes=2, progress=False)

    assert _kinds(findings) == [("warning", "unknown_column"), ("error", "duplicate_row")]


def test_a_folder_without_an_index(tmp_path: Path) -> None:
    with pytest.raises(DataIndexError, match=r"index\.csv"):
        check_folder(tmp_path)


def test_texts_and_tables() -> None:
    findings = [Finding("warning", "age", "a", (f"{n}.png",), f"text {n}") for n in range(3)]
    findings.append(Finding("error", "image", "a", ("x.png", "y.png"), "gone"))

    text = findings_text(findings, shown=2)

    assert text.splitlines() == [
        "error: image (1)",
        "  x.png; y.png: gone",
        "warning: age (3)",
        "  0.png: text 0",
        "  1.png: text 1",
        "  … and 1 more",
    ]
    table = findings_table(findings)
    assert table["images"].tolist() == ["0.png", "1.png", "2.png", "x.png; y.png"]
    assert findings_table([]).columns.tolist() == ["severity", "kind", "dataset", "images", "message"]
