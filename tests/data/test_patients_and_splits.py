from __future__ import annotations

import pandas as pd
import pytest

from common.data import COLUMNS
from common.data.patients import image_stem, patient_keys
from common.data.published_splits import published_splits
from common.data.splitting import folds_by_patient, split_by_patient


def _table(rows: list[dict[str, str]]) -> pd.DataFrame:
    return pd.DataFrame([dict.fromkeys(COLUMNS, "") | row for row in rows])


@pytest.fixture
def cohort() -> pd.DataFrame:
    """Two sites; patient k of each has 1 to 3 images and TB where k is a multiple of 3."""
    rows = [
        {
            "dataset": site,
            "image": f"{site}/{patient}_{shot}.png",
            "patient_id": str(patient),
            "tb": str(int(patient % 3 == 0)),
        }
        for site, count in (("a", 120), ("b", 60))
        for patient in range(count)
        for shot in range(1 + patient % 3)
    ]
    return _table(rows)


def test_a_patient_is_one_within_a_site_only() -> None:
    table = _table(
        [
            {"dataset": "a", "image": "a/x.png", "patient_id": "1"},
            {"dataset": "a", "image": "a/y.png", "patient_id": "1"},
            {"dataset": "b", "image": "b/x.png", "patient_id": "1"},
            {"dataset": "b", "image": "b/y.png"},
            {"dataset": "b", "image": "b/z.png"},
        ]
    )

    assert patient_keys(table).tolist() == ["a/1", "a/1", "b/1", "b/y", "b/z"]
    assert patient_keys(table.iloc[::-1]).tolist() == ["b/z", "b/y", "b/1", "a/1", "a/1"]


def test_readings_that_name_the_same_patient_link_images() -> None:
    table = _table(
        [
            {"dataset": "m", "image": "m/F_0162_1.png", "patient_id": "0162"},
            {
                "dataset": "m",
                "image": "m/F_0170_1.png",
                "patient_id": "0170",
                "findings": "(same pt as F_0166_1, F_0162_1)",
            },
            {
                "dataset": "m",
                "image": "m/F_0166_1.png",
                "patient_id": "0166",
                "findings": "NO REPORT (same pt as F_0162_1)",
            },
            {"dataset": "m", "image": "m/F_0200_1.png", "patient_id": "0200", "findings": "compare F_0162_1"},
            {"dataset": "n", "image": "n/F_0300_1.png", "patient_id": "0300", "findings": "same patient as F_0162_1"},
        ]
    )

    assert patient_keys(table).tolist() == ["m/0162"] * 3 + ["m/0200", "n/0300"]


def test_stems_of_either_kind_of_path() -> None:
    assert image_stem("a/b/c.png") == image_stem("a\\b\\c.dcm") == "c"


def test_patients_stay_together_and_the_mix_is_kept(cohort: pd.DataFrame) -> None:
    shares = {"train": 0.7, "val": 0.1, "test": 0.2}

    chosen = split_by_patient(cohort, shares, seed=3)

    assert (chosen.groupby(patient_keys(cohort)).nunique() == 1).all()
    table = pd.crosstab([cohort["dataset"], cohort["tb"]], chosen, normalize="index")
    for name, share in shares.items():
        assert (table[name] - share).abs().max() < 0.03


def test_order_does_not_matter_and_the_seed_does(cohort: pd.DataFrame) -> None:
    shares = {"train": 0.5, "test": 0.5}

    chosen = split_by_patient(cohort, shares)
    shuffled = split_by_patient(cohort.sample(frac=1, random_state=0)[list(reversed(cohort.columns))], shares)

    assert shuffled.reindex(cohort.index).equals(chosen)
    assert not split_by_patient(cohort, shares, seed=1).equals(chosen)
    # Other patients beside them do not move those of a site.
    alone = split_by_patient(cohort[cohort["dataset"] == "a"], shares)
    assert (alone == chosen[cohort["dataset"] == "a"]).mean() > 0.95


def test_many_small_strata_do_not_all_lose_their_remainder_to_one_split() -> None:
    table = _table([{"dataset": f"s{n}", "image": f"{n}.png", "patient_id": str(n)} for n in range(100)])

    counts = split_by_patient(table, {"train": 0.7, "val": 0.1, "test": 0.2}).value_counts()

    assert counts.to_dict() == {"train": 70, "val": 10, "test": 20}


def test_folds_are_equal(cohort: pd.DataFrame) -> None:
    chosen = folds_by_patient(cohort, 4)

    assert sorted(set(chosen)) == ["0", "1", "2", "3"]
    counts = pd.crosstab(cohort["dataset"], chosen)
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 4


def test_impossible_divisions(cohort: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        split_by_patient(cohort, {"train": 0.7, "test": 0.7})
    with pytest.raises(ValueError, match="add up to 1"):
        split_by_patient(cohort, {})
    with pytest.raises(ValueError, match="no column ward"):
        split_by_patient(cohort, {"train": 1.0}, strata=("ward",))
    with pytest.raises(ValueError, match="at least 2"):
        folds_by_patient(cohort, 1)


@pytest.mark.parametrize(
    ("dataset", "column", "counts"),
    [
        ("montgomery", "seg_split", {"train": 96, "val": 14, "test": 28}),
        ("montgomery", "cls_split", {"train": 88, "val": 22, "test": 28}),
        ("shenzhen", "seg_split", {"train": 396, "val": 56, "test": 114, "": 96}),
        ("shenzhen", "cls_split", {"train": 422, "val": 107, "test": 133}),
        ("jsrt", "seg_split", {"train": 172, "val": 25}),
        ("unknown", "seg_split", {}),
    ],
)
def test_published_lists_have_their_published_sizes(dataset: str, column: str, counts: dict[str, int]) -> None:
    splits = pd.Series([row[column] for row in published_splits(dataset).values()], dtype=object)

    assert splits.value_counts().to_dict() == counts
