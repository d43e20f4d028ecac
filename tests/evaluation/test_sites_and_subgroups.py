"""Site shortcut, spread between sites, subgroups and several runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from common.evaluation import EvaluationError, area_under_curve, heterogeneity, site_shortcut
from common.evaluation.classifier_runs import paired_runs, spread_over_runs
from common.evaluation.heterogeneity import rank_spread
from common.evaluation.subgroups import age_band, cohorts, group_column


def made_up(shift: float = 0.0, n: int = 80) -> pd.DataFrame:
    """Two sites, labels in turn; the scores of b lie higher by ``shift`` among negatives only."""
    random = np.random.default_rng(0)
    labels = np.arange(2 * n) % 2
    images = pd.DataFrame(
        {"dataset": ["a"] * n + ["b"] * n, "image": [f"{i}.png" for i in range(2 * n)], "label": labels}
    )
    images["patient_id"] = ""
    images["score"] = random.normal(size=2 * n) + 2 * labels
    images.loc[(images["dataset"] == "b") & (images["label"] == 0), "score"] += shift
    return images.assign(status="ok", sex=["F", "M", "M", ""] * (n // 2), age="30")


def test_a_score_that_knows_the_site_is_found_out() -> None:
    images = made_up(shift=1.5)
    found = site_shortcut(images).set_index("class")
    assert found["tells_apart"].to_dict() == {0: True, 1: False}
    negatives = images[images["label"] == 0]
    assert found.loc[0, "auc"] == pytest.approx(roc_auc_score(negatives["dataset"] == "b", negatives["score"]))
    assert (found.loc[0, "site"], found.loc[0, "other_site"], found.loc[0, "n"]) == ("a", "b", 40)


def test_a_score_that_knows_only_the_disease_is_not_suspected() -> None:
    assert site_shortcut(made_up())["tells_apart"].tolist() == [False, False]


def test_classes_that_one_site_lacks_and_single_sites_are_not_compared() -> None:
    images = made_up()
    without = images[(images["dataset"] == "a") | (images["label"] == 1)]
    assert site_shortcut(without)["class"].tolist() == [1]
    assert site_shortcut(images[images["dataset"] == "a"]).empty


def test_three_sites_make_three_pairs_a_class() -> None:
    images = made_up()
    images.loc[::3, "dataset"] = "c"
    found = site_shortcut(images)
    assert sorted(zip(found["class"], found["site"], found["other_site"], strict=True)) == [
        (label, *pair) for label in (0, 1) for pair in (("a", "b"), ("c", "a"), ("c", "b"))
    ]


def test_heterogeneity_by_hand() -> None:
    images = made_up(shift=1.2)
    areas = [area_under_curve(site["score"], site["label"]) for _, site in images.groupby("dataset")]
    logits = [np.log(area.estimate / (1 - area.estimate)) for area in areas]
    variances = [(area.standard_error / (area.estimate * (1 - area.estimate))) ** 2 for area in areas]
    # Of two sites, Q is the squared difference over the sum of the variances.
    q = (logits[0] - logits[1]) ** 2 / sum(variances)
    found = heterogeneity(areas)
    assert found is not None
    assert (found.sites, found.q, found.p) == (2, pytest.approx(q), pytest.approx(stats.chi2.sf(q, 1)))
    assert found.i_squared == pytest.approx(max(0, 1 - 1 / q))


def test_ranks_of_patients_are_compared_between_sites() -> None:
    random = np.random.default_rng(2)
    images = pd.DataFrame({"dataset": np.repeat(["a", "b", "c", "d"], [24, 20, 16, 4]), "dice": random.random(64)})
    images = images.assign(image=[f"{i}.png" for i in range(64)], patient_id=[str(i // 2) for i in range(64)])
    means = images.groupby(["dataset", "patient_id"])["dice"].mean()
    found = rank_spread(images, "dice")
    expected = stats.kruskal(*(means[site] for site in "abc"))
    # The two patients of d are too few.
    assert (found.sites, found.patients) == (3, 30)
    assert (found.h, found.p) == pytest.approx(tuple(expected))
    assert found.epsilon_squared == pytest.approx(expected.statistic / 29)
    images.loc[images["dataset"] == "a", "dice"] += 2
    images.loc[images["dataset"] == "b", "dice"] += 1
    apart = rank_spread(images, "dice")
    assert apart.p < 1e-4
    assert 0.8 < apart.epsilon_squared <= 1
    assert rank_spread(images[images["dataset"].isin(["a", "d"])], "dice") is None
    assert rank_spread(images.assign(dice=0.5), "dice") is None


def test_equal_sites_are_not_heterogeneous_and_one_site_cannot_be() -> None:
    images = made_up()
    area = area_under_curve(images["score"], images["label"])
    assert heterogeneity([area, area])[1:] == (pytest.approx(0, abs=1e-9), pytest.approx(1), 0.0)
    few = area_under_curve([1, 2, 3], [0, 1, 1])
    assert heterogeneity([area]) is None
    assert heterogeneity([area, few]) is None


@pytest.mark.parametrize(
    ("age", "band"),
    [
        *(
            ("0", "0-14"),
            ("14", "0-14"),
            ("14.9", "0-14"),
            ("15", "15-24"),
            ("44", "25-44"),
            ("65", "65+"),
            ("101", "65+"),
        ),
        *(("", "unknown"), ("old", "unknown"), ("-1", "unknown"), ("nan", "unknown"), ("999", "unknown")),
    ],
)
def test_age_bands(age: str, band: str) -> None:
    assert age_band(age) == band


def test_age_bands_of_ones_own() -> None:
    assert [age_band(age, [40]) for age in ("39", "40")] == ["0-39", "40+"]


def test_cohorts_are_sites_all_and_their_groups() -> None:
    found = [(site, column, group, len(images)) for site, column, group, images in cohorts(made_up(), ["sex", "age"])]
    assert found == [
        *(("a", "", "", 80), ("b", "", "", 80), ("all", "", "", 160)),
        *(("a", "sex", "F", 20), ("a", "sex", "M", 40), ("a", "sex", "unknown", 20)),
        *(("b", "sex", "F", 20), ("b", "sex", "M", 40), ("b", "sex", "unknown", 20)),
        *(("all", "sex", "F", 40), ("all", "sex", "M", 80), ("all", "sex", "unknown", 40)),
        *(("a", "age", "25-44", 80), ("b", "age", "25-44", 80), ("all", "age", "25-44", 160)),
    ]


def test_columns_of_which_nothing_is_known_are_left_out() -> None:
    assert [column for _, column, _, _ in cohorts(made_up().assign(age="", sex=""), ["sex", "age"])] == [""] * 3


def test_bands_are_in_the_order_of_age() -> None:
    images = made_up().assign(age=[str(age) for age in np.arange(160) % 80])
    groups = [group for site, column, group, _ in cohorts(images, ["age"]) if (site, column) == ("a", "age")]
    assert groups == ["0-14", "15-24", "25-44", "45-64", "65+"]


def test_thousands_of_groups_are_refused() -> None:
    with pytest.raises(EvaluationError, match="subgroups by image: 160 different values, 50 at most"):
        group_column(made_up(), "image")


def test_spread_over_runs_by_hand() -> None:
    rows = [
        {"run": run, "dataset": "a", "subgroup": group, "metric": "auc", "estimate": value}
        for run, group, value in (("1", "", 0.9), ("2", "", 0.8), ("3", "", 0.7), ("4", "", np.nan), ("1", "sex", 0.1))
    ]
    found = spread_over_runs(pd.DataFrame(rows)).iloc[0]
    assert found[["dataset", "metric", "runs"]].tolist() == ["a", "auc", 3]
    assert found[["mean", "std", "min", "max"]].tolist() == pytest.approx([0.8, 0.1, 0.7, 0.9])


def test_runs_are_paired_on_the_images_that_both_have() -> None:
    first = made_up()
    second = first.assign(score=first["score"] + np.random.default_rng(1).normal(size=160))
    second.loc[:9, "status"] = "missing"
    found = paired_runs({"first": first, "second": second, "third": first.iloc[::-1]})
    assert found["run"].tolist() == ["second"] * 3 + ["third"] * 3
    assert found["n"].tolist() == [70, 80, 150, 80, 80, 160]
    both = slice(10, None)
    difference = roc_auc_score(first["label"][both], second["score"][both])
    difference -= roc_auc_score(first["label"][both], first["score"][both])
    assert found["difference"][2] == pytest.approx(difference)
    assert found["p"][3:].tolist() == [1.0] * 3
    assert found["p_adjusted"].tolist() == pytest.approx(stats.false_discovery_control(found["p"]))
    assert (found["p_adjusted"] >= found["p"]).all()
