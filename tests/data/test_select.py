"""Choosing rows of an index by site and split."""

from __future__ import annotations

import pandas as pd
import pytest

from common.data import DataIndexError, select

TABLE = pd.DataFrame(
    {"dataset": ["a", "a", "b", "b"], "image": ["1", "2", "3", "4"], "seg_split": ["train", "val", "train", ""]}
)


def chosen(**options: object) -> list[str]:
    return list(select(TABLE, **options)["image"])  # type: ignore[arg-type]


def test_rows_are_chosen_by_site_and_split() -> None:
    assert chosen() == ["1", "2", "3", "4"]
    assert chosen(sites=["b"]) == ["3", "4"]
    assert chosen(split_column="seg_split", splits=["train", "val"]) == ["1", "2", "3"]


def test_a_single_name_is_not_taken_for_a_list_of_letters() -> None:
    assert chosen(sites="a", split_column="seg_split", splits="val") == ["2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sites": ["a", "c"]}, r"unknown site c; the index has a, b"),
        (
            {"split_column": "seg_split", "splits": ["train", "vla"]},
            r"no row with seg_split in vla; .* have train, val",
        ),
        ({"split_column": "fold", "splits": ["1"]}, r"no split column fold"),
    ],
)
def test_every_unknown_name_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(DataIndexError, match=message):
        chosen(**options)
