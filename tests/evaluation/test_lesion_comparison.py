"""Runs that outlined lesions, compared image by image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_lesions import make_lesion_run, make_lesions
from made_up_regions import Box, MadeUpRegions
from scipy import stats

from common.evaluation import EvaluationError, bootstrap_mean, compare_lesions, evaluate_lesions, read_lesion_tables
from common.evaluation.__main__ import main
from common.evaluation.paired import rank_biserial, with_adjusted_p
from common.evaluation.result import PER_IMAGE

Changes = Mapping[str, Sequence[tuple[Box, float]]]

#: Lesions that change: run b is right about c and wrong about e.
CHANGES: Changes = {"c": [((10, 10, 20, 20), 0.8)], "e": [((0, 0, 6, 6), 0.2)]}


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRegions:
    """See :func:`made_up_lesions.make_lesions`; a and b are of one patient."""
    made = make_lesions(tmp_path)
    for name in "ab":
        made.change(name, patient_id="one")
    return made


def evaluated(made: MadeUpRegions, name: str, changes: Changes | None = None, **options: object) -> Path:
    """An evaluation of a run with these lesions; only what a comparison reads."""
    run = make_lesion_run(made, f"run_{name}", changes)
    folder = made.data.parent / name
    folder.mkdir()
    found = evaluate_lesions(run, made.data, repeats=20, **options)
    found.per_image.to_csv(folder / PER_IMAGE, index=False)
    found.lesions.to_csv(folder / "lesions.csv", index=False)
    (folder / "summary.json").write_text(json.dumps({"settings": dict(found.settings)}))
    return folder


def row(table: pd.DataFrame, **values: object) -> pd.Series:
    """The one row with these values."""
    chosen = table[np.all([table[name] == value for name, value in values.items()], axis=0)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_effect_size_by_hand() -> None:
    """Ranks of 0.1, -0.2 and 0.3 are 1, 2 and 3: (1 - 2 + 3) / 6; differences of 0 do not count."""
    assert rank_biserial(np.array([0.1, -0.2, 0.3, 0.0])) == pytest.approx(1 / 3)
    assert rank_biserial(np.array([0.5, 0.1])) == 1
    assert rank_biserial(np.array([-0.5, 0.0])) == -1
    assert rank_biserial(np.zeros(3)) == 0
    # Of ties the ranks are shared: 1.5 and 1.5 cancel out.
    assert rank_biserial(np.array([0.2, -0.2])) == 0


@pytest.mark.parametrize("seed", range(3))
def test_effect_size_is_that_of_the_statistic_of_wilcoxon(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(0.3, 1, 30)
    positive = stats.wilcoxon(differences, alternative="greater").statistic
    total = 30 * 31 / 2
    assert rank_biserial(differences) == pytest.approx((2 * positive - total) / total)


def test_p_values_are_corrected_over_the_table() -> None:
    """Benjamini and Hochberg: of 0.01, 0.02 and 0.9 the adjusted values are 0.03, 0.03 and 0.9."""
    table = with_adjusted_p(pd.DataFrame({"p_wilcoxon": [0.02, 0.9, 0.01]}))
    assert table["p_adjusted"].tolist() == pytest.approx([0.03, 0.9, 0.03])


def test_differences_are_those_of_the_same_images(made: MadeUpRegions) -> None:
    runs = {"a": [evaluated(made, "a")], "b": [evaluated(made, "b", CHANGES)]}
    found = compare_lesions(
        {name: [read_lesion_tables(f) for f in folders] for name, folders in runs.items()}, repeats=200, seed=5
    )
    dice = row(found.paired, images="all", metric="dice")
    # c is better by a half, e worse by 1.
    differences = np.array([0, 0, 0.5, 0, -1])
    expected = bootstrap_mean(differences, groups=[0, 0, 1, 2, 3], repeats=200, seed=5)
    assert dice[["baseline", "run", "dataset", "n"]].tolist() == ["a", "b", "north", 5]
    assert dice[["mean_difference", "low", "high"]].tolist() == pytest.approx(list(expected))
    assert dice[["better", "equal", "worse"]].tolist() == [1, 3, 1]
    assert dice["effect"] == pytest.approx((1 - 2) / 3)
    assert dice["p_wilcoxon"] == pytest.approx(stats.wilcoxon(differences).pvalue)
    with_boxes = row(found.paired, images="with boxes", metric="dice")
    assert with_boxes[["n", "mean_difference"]].tolist() == pytest.approx([3, 0.5 / 3])
    # One false positive more is worse, although the number is higher.
    false = row(found.paired, images="normal", metric="false_positives")
    assert false[["mean_difference", "better", "equal", "worse"]].tolist() == [0.5, 0, 1, 1]
    share = row(found.paired, images="normal", metric="any_false_positive")
    assert share[["mean_difference", "worse"]].tolist() == [0.5, 1]
    assert set(found.paired["metric"]).isdisjoint({"lesions", "area_error", "predicted_area"})
    assert found.paired["p_adjusted"].between(found.paired["p_wilcoxon"], 1).all()
    assert row(found.figures, run="b", images="all", metric="dice")["mean"] == pytest.approx((1 + 800 / 1300 + 1) / 5)


def test_average_precision_and_froc_of_two_runs(made: MadeUpRegions) -> None:
    cases = {"a": None, "b": CHANGES}
    runs = {name: [read_lesion_tables(evaluated(made, name, changes))] for name, changes in cases.items()}
    found = compare_lesions(runs, repeats=100)
    first, second = (row(found.detection, run=name, figure="average precision", iou=0.5) for name in "ab")
    # See test_lesion_figures; the lesion of c becomes a hit at an IoU of 0.5 too.
    assert first["estimate"] == pytest.approx((1 / 2 + 2 / 5) / 4)
    assert second["estimate"] == pytest.approx((2 / 3 + 2 / 3 + 3 / 5) / 4)
    assert second["difference"] == pytest.approx(second["estimate"] - first["estimate"])
    assert 0 <= second["difference_low"] <= second["difference"] <= second["difference_high"]
    assert np.isnan(first["difference"])
    mean = row(found.detection, run="a", figure="mean sensitivity")
    assert mean["estimate"] == pytest.approx((0.5 + 5 * 0.75) / 7)
    # Nothing differs at an IoU of 0.1, in no draw.
    same = row(found.detection, run="b", figure="average precision", iou=0.1)
    assert same["difference"] == 0
    assert np.isnan(same["difference_low"])


def test_seeds_of_one_recipe_are_averaged_image_by_image(made: MadeUpRegions) -> None:
    first, second = evaluated(made, "a"), evaluated(made, "b", CHANGES)
    runs = {"one": [read_lesion_tables(first)], "two": [read_lesion_tables(folder) for folder in (first, second)]}
    found = compare_lesions(runs, repeats=50)
    assert found.seeds == {"one": 1, "two": 2}
    dice = row(found.paired, run="two", images="all", metric="dice")
    assert dice[["n", "mean_difference"]].tolist() == pytest.approx([5, (0.25 - 0.5) / 5])
    assert row(found.figures, run="two", images="normal", metric="any_false_positive")["mean"] == 0.75
    single = compare_lesions({"one": runs["one"], "b": [read_lesion_tables(second)]}, repeats=50)
    wanted = {"figure": "average precision", "iou": 0.5}
    alone, mean = row(single.detection, run="b", **wanted), row(found.detection, run="two", **wanted)
    assert mean["difference"] == pytest.approx(alone["difference"] / 2)
    assert "Figures of each image are means over the seeds of two (2)." in found.markdown()


def test_only_images_that_all_runs_have_count(made: MadeUpRegions) -> None:
    first = evaluated(made, "a")
    (made.data.parent / "run_a" / made.image("b").replace(".png", "_tb.png")).unlink()
    second = made.data.parent / "b"
    found = evaluate_lesions(made.data.parent / "run_a", made.data, repeats=20)
    found.save(second)
    comparison = compare_lesions({"a": [read_lesion_tables(first)], "b": [read_lesion_tables(second)]}, repeats=20)
    assert comparison.unpaired.to_numpy().tolist() == [["north", made.image("b"), "b"]]
    assert set(comparison.figures.loc[comparison.figures["images"] == "all", "n"]) == {4}
    assert (comparison.paired["mean_difference"] == 0).all()
    assert set(comparison.detection["images"]) == {4}
    assert comparison.detection["difference"].dropna().eq(0).all()
    assert "1 images were not compared by every run" in comparison.markdown()


def test_what_was_measured_differently_is_refused(made: MadeUpRegions) -> None:
    first = read_lesion_tables(evaluated(made, "a"))
    centre = read_lesion_tables(evaluated(made, "b", hit="centre"))
    with pytest.raises(EvaluationError, match=r"judged differently, a by 0\.2 and b by centre"):
        compare_lesions({"a": [first], "b": [centre]})
    made.change("a", boxes='[{"label": "active", "xywh": [10, 10, 20, 21]}]')
    other = read_lesion_tables(evaluated(made, "c"))
    for runs in ({"a": [first], "c": [other]}, {"a": [first, other]}):
        with pytest.raises(EvaluationError, match=r"measured north/images/a\.png against different true boxes"):
            compare_lesions(runs)
    made.change("a", image="elsewhere.png")
    with pytest.raises(EvaluationError, match=r"per_image\.csv: not found"):
        read_lesion_tables(made.data)


def test_the_verb_takes_evaluations_of_lesions(
    made: MadeUpRegions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = evaluated(made, "a"), evaluated(made, "b", CHANGES)
    options = ["--repeats", "20", "--output", str(tmp_path / "out")]
    assert main(["compare", f"boxes={first}", f"both={first},{second}", "--baseline", "both", *options]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert (tmp_path / "out/comparison.md").read_text() in printed.out
    assert "Difference to both, image by image" in printed.out
    assert "| north | boxes minus both | (" in printed.out
    assert "| boxes | north | all | Dice | 5 | 0.050 [" in printed.out
    paired = pd.read_csv(tmp_path / "out/paired.csv")
    assert set(paired["run"]) == {"boxes"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("figures.csv", "paired.csv", "detection.csv", "unpaired.csv", "comparison.md")
    }
    assert main(["compare", str(first), "--repeats", "20"]) == 0
    assert "Difference to" not in capsys.readouterr().out
    (first / "lesions.csv").rename(first / "other.csv")
    for texts, message in (
        ([f"a={first}", f"b={second}"], "is an evaluation of lesions"),
        ([f"b={second}", "--baseline", "c"], "--baseline c: no such run; there are b"),
        ([f"b={tmp_path / 'none'}"], "per_image.csv: not found"),
    ):
        assert main(["compare", *texts]) == 1
        assert message in capsys.readouterr().err
