from __future__ import annotations

from pathlib import Path

import pytest

from common.data import DataIndexError
from common.weak import labelled_images

INDEX = """dataset,image,tb,effusion,cls_split
a,1.png,1,0,train
a,2.png,0,1.0,train
b,3.png,0,0,train
b,4.png,1,,train
b,5.png,1,1,val
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.csv").write_text(INDEX)
    return tmp_path


def test_all_classes_must_be_known(folder: Path) -> None:
    images = labelled_images(folder, ["tb", "effusion"], split_column="cls_split", splits=["train"])
    assert [(image.name, image.present, image.positive) for image in images] == [
        ("1.png", (True, False), True),
        ("2.png", (False, True), True),
        ("3.png", (False, False), False),
    ]
    assert images[0].path == folder / "1.png"
    assert [image.name for image in labelled_images(folder, ["tb"])] == [f"{n}.png" for n in range(1, 6)]
    assert [image.name for image in labelled_images(folder, ["tb"], sites=["b"], limit=2)] == ["3.png", "4.png"]


@pytest.mark.parametrize(
    ("classes", "change", "message"),
    [
        ([], ("", ""), "a list of index columns is needed"),
        ("tb", ("", ""), "a list of index columns is needed, got 'tb'"),
        (["nodule"], ("", ""), "column nodule is missing"),
        (["tb"], ("1.png,1", "1.png,2"), "must be 0, 1 or empty, found 2"),
        (["tb"], ("2.png", "1.png"), "1.png is there twice"),
        (["effusion"], (",1", ",0"), "none of the 5 selected rows has effusion = 1"),
    ],
)
def test_indexes_that_do_not_do(folder: Path, classes: list[str], change: tuple[str, str], message: str) -> None:
    (folder / "index.csv").write_text(INDEX.replace(*change) if change[0] else INDEX)
    with pytest.raises(DataIndexError, match=message):
        labelled_images(folder, classes)
