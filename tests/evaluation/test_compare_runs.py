"""Several evaluations side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_masks import MadeUp, lungs
from scipy import stats

from common.evaluation import EvaluationError, bootstrap_mean, compare_runs, evaluate_lungs, read_run
from common.evaluation.files import write_table
from common.evaluation.paired import wilcoxon_p
from common.evaluation.result import PER_IMAGE


@pytest.fixture
def runs(made_up: MadeUp, tmp_path: Path) -> dict[str, pd.DataFrame]:
    """Run b is as run a, but one column farther right on every image of south."""
    _save(made_up, tmp_path / "a")
    for number in range(4):
        made_up.predict(f"south/images/case {number}.png", np.roll(lungs(), number + 1, axis=1))
    _save(made_up, tmp_path / "b")
    return {name: read_run(tmp_path / name) for name in ("a", "b")}


def _save(made_up: MadeUp, folder: Path) -> None:
    """Only the table that a comparison reads."""
    folder.mkdir()
    write_table(folder / PER_IMAGE, evaluate_lungs(made_up.predictions, made_up.data, repeats=20).per_image)


def _pair(paired: pd.DataFrame, dataset: str, metric: str) -> pd.Series:
    return paired[(paired["dataset"] == dataset) & (paired["metric"] == metric)].squeeze(axis=0)


def test_a_saved_table_is_read_back_as_it_was(made_up: MadeUp, tmp_path: Path) -> None:
    evaluation = evaluate_lungs(made_up.predictions, made_up.data, repeats=20)
    evaluation.save(tmp_path / "run")
    back = read_run(tmp_path / "run")
    assert back["patient_id"].tolist() == evaluation.per_image["patient_id"].tolist()
    assert back["patient_id"][0] == "000"
    pd.testing.assert_frame_equal(back, evaluation.per_image, check_dtype=False)


def test_the_matrix_has_the_figures_of_each_run(runs: dict[str, pd.DataFrame]) -> None:
    figures = compare_runs(runs, repeats=20).figures
    rows = figures[(figures["dataset"] == "south") & (figures["metric"] == "hd")].set_index("run")
    assert rows["mean"].to_dict() == {"a": 1.5, "b": 2.5}


def test_differences_are_those_of_the_same_images(runs: dict[str, pd.DataFrame]) -> None:
    paired = compare_runs(runs, repeats=200, seed=4).paired
    south = _pair(paired, "south", "dice")
    values = [run[run["dataset"] == "south"]["dice"].to_numpy() for run in runs.values()]
    expected = bootstrap_mean(values[1] - values[0], groups=["p", "p", "2", "3"], repeats=200, seed=4)
    assert (south["baseline"], south["run"], south["n"]) == ("a", "b", 4)
    assert (south["mean_difference"], south["low"], south["high"]) == pytest.approx(tuple(expected))
    assert south[["better", "equal", "worse"]].tolist() == [0, 0, 4]
    assert south["p_wilcoxon"] == pytest.approx(stats.wilcoxon(values[0], values[1]).pvalue)


def test_a_longer_distance_is_worse(runs: dict[str, pd.DataFrame]) -> None:
    hd = _pair(compare_runs(runs, repeats=20).paired, "south", "hd")
    assert (hd["mean_difference"], hd["unit"]) == (1, "px")
    assert hd[["better", "equal", "worse"]].tolist() == [0, 0, 4]


def test_equal_runs_do_not_differ(runs: dict[str, pd.DataFrame]) -> None:
    north = _pair(compare_runs(runs, repeats=20).paired, "north", "dice")
    assert north[["mean_difference", "low", "high", "p_wilcoxon"]].tolist() == [0, 0, 0, 1]
    assert north[["better", "equal", "worse"]].tolist() == [0, 3, 0]
    assert wilcoxon_p(np.array([0.0, 0.0])) == 1


def test_images_that_a_run_lacks_are_listed_and_left_out_of_the_pairs(runs: dict[str, pd.DataFrame]) -> None:
    runs["b"] = runs["b"][runs["b"]["image"] != "south/images/case 2.png"]
    comparison = compare_runs(runs, repeats=20)
    assert comparison.unpaired.to_numpy().tolist() == [["south", "south/images/case 2.png", "b"]]
    assert _pair(comparison.paired, "south", "dice")["n"] == 3
    assert "1 images were not compared by every run" in comparison.markdown()


def test_the_best_run_of_a_site_is_bold(runs: dict[str, pd.DataFrame]) -> None:
    text = compare_runs(runs, repeats=20).markdown()
    header = next(line for line in text.splitlines() if "[px]" in line)
    assert header == "| run (images) | north [mm] | south [px] | all [mm] | all [px] |"
    a, b = (next(line for line in text.splitlines() if line.startswith(f"| {name} |")) for name in runs)
    assert a.split(" | ")[2].startswith("**0.")
    assert b.split(" | ")[2].startswith("0.")


def test_a_single_run_is_shown_without_pairs(runs: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    comparison = compare_runs({"a": runs["a"]}, repeats=20)
    comparison.save(tmp_path / "out")
    assert comparison.paired.empty
    assert pd.read_csv(tmp_path / "out/paired.csv").columns[0] == "baseline"


def test_runs_that_cannot_be_compared_are_refused(runs: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="a: no compared image of the stage raw"):
        compare_runs(runs, stage="raw")
    with pytest.raises(EvaluationError, match=r"a and b measured north/images/case 0\.png with different pixel sizes"):
        compare_runs({"a": runs["a"], "b": runs["b"].assign(spacing_x=9.0)})
    with pytest.raises(EvaluationError, match=r"nowhere/per_image\.csv: not found"):
        read_run(tmp_path / "nowhere")
    broken = tmp_path / "a" / "per_image.csv"
    text = broken.read_text()
    broken.write_text(text.replace("dice", "score"))
    with pytest.raises(EvaluationError, match=r"per_image\.csv: column dice, surface_dice is missing"):
        read_run(tmp_path / "a")
    broken.write_text(text.replace(",mm,0.5,", ",mm,half,"))
    with pytest.raises(EvaluationError, match="column spacing_x must hold numbers"):
        read_run(tmp_path / "a")
    broken.write_text("")
    with pytest.raises(EvaluationError, match="not a CSV table"):
        read_run(tmp_path / "a")
