"""The verbs classification and operating-point from end to end."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
from made_up_scores import WEIGHTS, MadeUpScores, make_scores

from common.evaluation.__main__ import main
from common.metrics.operating_point_file import read_operating_point


@pytest.fixture
def scores(tmp_path: Path) -> MadeUpScores:
    """See :func:`made_up_scores.make_scores`."""
    return make_scores(tmp_path)


def classification(scores: MadeUpScores, output: Path, *options: str) -> int:
    """Run the verb with few repeats."""
    folders = [str(scores.run), "--index", str(scores.data), "--output", str(output)]
    return main(["classification", *folders, "--repeats", "20", *options])


def operating_point(scores: MadeUpScores, output: Path, *options: str) -> int:
    """Run the verb on the validation images."""
    folders = [str(scores.run), "--index", str(scores.data), "--output", str(output)]
    return main(["operating-point", *folders, "--split-column", "cls_split", "--splits", "val", *options])


def test_classification_prints_and_writes(
    scores: MadeUpScores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        classification(scores, tmp_path / "out", "--sites", "north", "--splits", "test", "--prevalences", "0.02") == 0
    )
    printed = capsys.readouterr()
    assert (tmp_path / "out/summary.md").read_text() in printed.out
    assert "PPV at 2 %" in printed.out
    assert "WHO triage target (sensitivity at least 0.90, specificity at least 0.70)" in printed.out
    assert printed.err == ""


def test_classification_lists_what_is_missing(
    scores: MadeUpScores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = scores.predictions()
    scores.write_predictions([*rows[30:], rows[0] | {"image": "x/y.png"}])
    assert classification(scores, tmp_path / "out", "--sites", "north", "--subgroups") == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "not in the index (run): x/y.png"
    assert lines[1].startswith("missing (run): north/images/00.png: not in ")
    assert lines[-1] == "… and 10 more, in summary.json"
    assert len(lines) == 22


def test_refitting_moves_a_shifted_site_back(
    scores: MadeUpScores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "point.json"
    assert operating_point(scores, path, "--sites", "south", "--thresholds", str(tmp_path / "t/all.csv")) == 0
    printed = capsys.readouterr()
    assert "warning: fitted on 10 positive and 10 negative images" in printed.err
    assert "hence better than on others" in printed.out
    point = read_operating_point(path, WEIGHTS)
    # Scores of south lie 2.5 too high, with the right spread.
    assert point.calibration([2.5])[0] == pytest.approx(0.5, abs=0.2)
    assert dict(point.fitted_on) == {
        **{"sites": ["south"], "split_column": "cls_split", "splits": ["val"], "label": "tb", "n": 20, "positives": 10},
        "index_sha256": hashlib.sha256((scores.data / "index.csv").read_bytes()).hexdigest(),
    }
    assert len(pd.read_csv(tmp_path / "t/all.csv")) == 21
    errors = {}
    for name, options in (("before", ()), ("after", ("--operating_point", str(path)))):
        assert classification(scores, tmp_path / name, "--sites", "south", "--splits", "test", *options) == 0
        summary = json.loads((tmp_path / name / "summary.json").read_text())["summary"]
        errors[name] = next(row["estimate"] for row in summary if row["metric"] == "brier" and not row["subgroup"])
    assert errors["after"] < errors["before"]


def test_the_figures_in_the_file_are_those_of_the_fitted_images(scores: MadeUpScores, tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    assert operating_point(scores, path, "--rule", "sensitivity 0.8", "--calibration", "isotonic") == 0
    point = read_operating_point(path)
    assert (point.rule, point.calibration.record()["method"]) == ("sensitivity 0.8", "isotonic")
    val = [row["image"] for row in scores.index() if row["cls_split"] == "val"]
    table = pd.DataFrame(scores.predictions()).set_index("image").loc[val]
    truth = {row["image"]: row["tb"] for row in scores.index()}
    labels = pd.Series([int(truth[image]) for image in val], index=val)
    _, decisions = point.decide(table["tb_score"].astype(float))
    sensitivity = decisions[labels == 1].mean()
    assert sensitivity >= 0.8
    assert point.measured["sensitivity"][0] == pytest.approx(sensitivity)
    assert point.measured["specificity"][0] == pytest.approx((~decisions)[labels == 0].mean())
    assert point.measured["on"].startswith("the images that it was fitted on")


def test_training_images_and_left_out_ones_are_told(
    scores: MadeUpScores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores.write_index([row | {"cls_split": row["cls_split"].replace("val", "train")} for row in scores.index()])
    scores.write_predictions(scores.predictions()[1:])
    folders = [str(scores.run), "--index", str(scores.data), "--output", str(tmp_path / "point.json")]
    assert main(["operating-point", *folders]) == 3
    printed = capsys.readouterr().err
    assert "59 of the images are of the split train" in printed
    assert "missing: north/images/00.png: not in " in printed


def test_a_class_index_turned_round_is_not_fitted(
    scores: MadeUpScores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores.write_predictions(scores.scored({row["image"]: -float(row["tb_score"]) for row in scores.predictions()}))
    assert operating_point(scores, tmp_path / "point.json") == 1
    assert "is the class index turned round?" in capsys.readouterr().err
    assert not (tmp_path / "point.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["operating-point", "{}/run", "--rule", "best"], "rule best; accepted are who_triage, youden"),
        (["operating-point", "{}/none"], "predictions.csv: not found"),
        (["operating-point", "{}/run", "--splits", "nowhere"], "no row with cls_split in nowhere"),
        (["classification", "{}/run", "{}/run"], "two runs are called run; name them apart: NAME=FOLDER"),
        (["classification", "{}/run", "--age_bands", "40", "20"], "the ages must rise"),
        (["classification", "{}/run", "--operating-point", "{}/none.json"], "none.json: no such operating-point file"),
    ],
)
def test_what_cannot_start_ends_in_one_line(
    scores: MadeUpScores, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    arguments = [option.format(tmp_path) for option in options]
    assert main([*arguments, "--index", str(scores.data), "--output", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert message in printed


def test_a_run_that_names_no_weights_is_refused(
    scores: MadeUpScores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (scores.run / "run.json").unlink()
    assert operating_point(scores, tmp_path / "point.json") == 1
    assert "run.json: no weights_sha256 in it" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--prevalences", "1.5"], ["--prevalences", "x"], ["--repeats", "0"]])
def test_wrong_options_are_explained(scores: MadeUpScores, tmp_path: Path, options: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        classification(scores, tmp_path / "out", *options)
    assert stopped.value.code == 2
