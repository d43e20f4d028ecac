"""Evaluation of saved scores: figures, tables, errors, and everything that can be wrong with a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_scores import MadeUpScores, make_scores, write_rows
from sklearn import metrics

from common.errors import UsageError
from common.evaluation import ClassificationEvaluation, evaluate_classification, proportion
from common.metrics.calibration_map import TemperatureMap
from common.metrics.operating_point_file import OperatingPoint, write_operating_point


@pytest.fixture
def scores(tmp_path: Path) -> MadeUpScores:
    """See :func:`made_up_scores.make_scores`."""
    return make_scores(tmp_path)


def evaluate(scores: MadeUpScores, **options) -> ClassificationEvaluation:
    """Evaluate the run with few repeats and without subgroups."""
    options = {"subgroups": (), "repeats": 20} | options
    return evaluate_classification({"run": scores.run}, scores.data, **options)


def figure(found: ClassificationEvaluation, metric: str, dataset: str = "north", group: str = "") -> pd.Series:
    """One row of the summary."""
    rows = found.summary
    return rows[(rows["metric"] == metric) & (rows["dataset"] == dataset) & (rows["group"] == group)].iloc[0]


def test_figures_of_a_site_are_those_of_scikit_learn(scores: MadeUpScores) -> None:
    found = evaluate(scores)
    images = pd.DataFrame(scores.predictions()[:60])
    label = np.arange(60) % 2
    score, probability = images["tb_score"].astype(float), images["tb_probability"].astype(float)
    called = images["tb"].astype(int)
    expected = {
        "auc": metrics.roc_auc_score(label, score),
        "average_precision": metrics.average_precision_score(label, score),
        "brier": metrics.brier_score_loss(label, probability),
        "sensitivity": metrics.recall_score(label, called),
        "specificity": metrics.recall_score(label, called, pos_label=0),
        "ppv": metrics.precision_score(label, called),
        "npv": metrics.precision_score(label, called, pos_label=0),
        "accuracy": metrics.accuracy_score(label, called),
    }
    for name, value in expected.items():
        row = figure(found, name)
        assert row["estimate"] == pytest.approx(value), name
        assert row["low"] < value < row["high"], name
        assert (row["n"], row["positives"]) == (60, 30)
    exact = proportion(int((called[label == 1] == 1).sum()), 30)
    assert tuple(figure(found, "sensitivity")[["estimate", "low", "high"]]) == pytest.approx(exact)
    assert figure(found, "auc", "all")["interval"] == "DeLong"
    assert figure(found, "auc", "south")["interval"] == "Newcombe"
    assert figure(found, "auc", "all")["n"] == 100


def test_calibration_tells_the_two_sites_apart(scores: MadeUpScores) -> None:
    found = evaluate(scores)
    assert figure(found, "ece")["estimate"] < figure(found, "ece_by_chance")["high"]
    assert figure(found, "ece", "south")["estimate"] > figure(found, "ece_by_chance", "south")["high"]


def test_subgroups_have_the_same_figures(scores: MadeUpScores) -> None:
    found = evaluate(scores, subgroups=("sex", "age"), age_bands=(30,))
    assert set(found.summary["group"]) == {"", "F", "M", "0-29", "30+"}
    rows = pd.DataFrame(scores.predictions()[:60])
    women = np.array([row["sex"] == "F" for row in scores.index()[:60]])
    expected = metrics.roc_auc_score((np.arange(60) % 2)[women], rows["tb_score"].astype(float)[women])
    assert figure(found, "auc", group="F")["estimate"] == pytest.approx(expected)
    assert set(found.thresholds["group"]) == {"", "F", "M", "0-29", "30+"}


def test_splits_and_sites_are_selected(scores: MadeUpScores) -> None:
    found = evaluate(scores, sites=["south"], splits=["test"])
    assert found.outcomes[["dataset", "images", "compared", "positives"]].to_numpy().tolist() == [["south", 20, 20, 10]]
    assert found.shortcut.empty
    assert found.heterogeneity == {"run": None}
    assert found.unknown == {"run": []}


def test_the_shortcut_of_the_shifted_site_is_found(scores: MadeUpScores) -> None:
    found = evaluate(scores).shortcut
    assert found["class"].tolist() == [0, 1]
    assert found["tells_apart"].all()
    assert (found["auc"] > 0.6).all()


def test_what_has_no_prediction_or_no_truth_is_counted_and_listed(scores: MadeUpScores) -> None:
    rows = scores.predictions()
    rows[0] |= {"status": "refused", "reason": "lateral view", "tb_score": "", "tb_probability": "", "tb": ""}
    extra = rows[1] | {"image": "elsewhere/1.png"}
    scores.write_predictions([rows[0], *rows[2:], extra])
    index = scores.index()
    index[2]["tb"] = ""
    scores.write_index(index)
    found = evaluate(scores)
    assert found.problems[["image", "status", "reason"]].to_numpy().tolist() == [
        ["north/images/00.png", "missing", "refused: lateral view"],
        ["north/images/01.png", "missing", f"not in {scores.run / 'predictions.csv'}"],
    ]
    assert found.per_image.iloc[2][["status", "reason"]].tolist() == ["no truth", "the index has no tb"]
    assert found.outcomes.iloc[0][["images", "compared", "missing", "no_truth"]].tolist() == [60, 57, 2, 1]
    assert figure(found, "auc")["n"] == 57
    assert found.unknown == {"run": ["elsewhere/1.png"]}
    text = found.markdown()
    assert "| run | north | 2 | 1 |" in text
    assert "run: 1 predictions are of images that the index does not have" in text


def test_errors_are_listed_with_the_surest_first(scores: MadeUpScores) -> None:
    found = evaluate(scores).errors()
    predictions = {row["image"]: row for row in scores.predictions()}
    truth = {row["image"]: int(row["tb"]) for row in scores.index()}
    wrong = {image for image, row in predictions.items() if int(row["tb"]) != truth[image]}
    assert set(found["image"]) == wrong
    assert found["confidence"].is_monotonic_decreasing
    first = found.iloc[0]
    probability = float(predictions[first["image"]]["tb_probability"])
    assert first["confidence"] == pytest.approx(max(probability, 1 - probability))
    assert first["error"] == ("false positive" if probability > 0.5 else "false negative")
    assert first["findings"].startswith("text ")


def test_a_class_index_turned_round_is_told_with_the_histogram(scores: MadeUpScores) -> None:
    scores.write_predictions(scores.scored({row["image"]: -float(row["tb_score"]) for row in scores.predictions()}))
    found = evaluate(scores, sites=["north"])
    assert figure(found, "auc")["estimate"] < 0.5
    assert len(found.warnings) == 1
    assert (
        "at north is below 0.5: is the class index turned round? See the histogram of scores in scores.png"
        in (found.warnings[0])
    )


def test_missing_calibration_and_several_images_of_a_patient_are_told(scores: MadeUpScores) -> None:
    scores.write_predictions([row | {"flags": "no_lungs uncalibrated"} for row in scores.predictions()])
    index = scores.index()
    index[1]["patient_id"] = index[0]["patient_id"]
    scores.write_index(index)
    lines = evaluate(scores).warnings
    assert any("100 probabilities are not calibrated" in line for line in lines)
    assert any("some patients have several images" in line for line in lines)
    assert evaluate(scores).outcomes["patients"].tolist() == [59, 40, 99]


def test_a_site_of_one_class_is_not_defined_and_stops_nothing(scores: MadeUpScores, tmp_path: Path) -> None:
    scores.write_index([row for row in scores.index() if row["dataset"] == "north" or row["tb"] == "1"])
    found = evaluate(scores)
    assert np.isnan(figure(found, "auc", "south")[["estimate", "low", "high"]].astype(float)).all()
    assert figure(found, "auc", "south")["interval"] == "not defined"
    assert np.isnan(figure(found, "average_precision", "south")["estimate"])
    assert figure(found, "sensitivity", "south")["estimate"] > 0.5
    assert "| south | 20 | 20 | not defined | not defined |" in found.markdown()
    assert set(found.curves.roc["dataset"]) == {"north", "all"}
    found.save(tmp_path / "out")
    assert (tmp_path / "out/roc.png").stat().st_size > 10_000


def test_a_site_of_three_patients_has_wide_intervals(scores: MadeUpScores) -> None:
    scores.write_index(scores.index()[:3])
    area = figure(evaluate(scores), "auc")
    assert 0 <= area["low"] < area["high"] <= 1
    assert area["high"] - area["low"] > 0.5


def test_another_operating_point_decides_anew(scores: MadeUpScores, tmp_path: Path) -> None:
    point = OperatingPoint("tb_cls", "ab" * 32, TemperatureMap(2.0, -1.0), 0.2, "youden")
    write_operating_point(tmp_path / "point.json", point)
    found = evaluate(scores, operating_point=tmp_path / "point.json")
    table = found.per_image
    assert table["probability"].to_numpy() == pytest.approx(TemperatureMap(2.0, -1.0)(table["score"]))
    assert (table["decision"] == (table["probability"] >= 0.2)).all()
    assert figure(found, "auc")["estimate"] == figure(evaluate(scores), "auc")["estimate"]
    write_operating_point(tmp_path / "other.json", OperatingPoint("tb_cls", "cd" * 32, TemperatureMap(), 0.2, "youden"))
    with pytest.raises(UsageError, match=r"other\.json: made for other weights"):
        evaluate(scores, operating_point=tmp_path / "other.json")


def test_several_runs_have_a_spread_and_pairs(scores: MadeUpScores, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noisy = {row["image"]: float(row["tb_score"]) + 2 * random.normal() for row in scores.predictions()}
    scores.write_predictions(scores.scored(noisy), tmp_path / "second")
    runs = {"first": scores.run, "second / b": tmp_path / "second"}
    found = evaluate_classification(runs, scores.data, sites=["north"], subgroups=(), repeats=20)
    areas = found.summary[(found.summary["metric"] == "auc") & (found.summary["dataset"] == "north")]["estimate"]
    spread = found.spread[(found.spread["metric"] == "auc") & (found.spread["dataset"] == "north")].iloc[0]
    assert (spread["mean"], spread["std"]) == pytest.approx((areas.mean(), areas.std(ddof=1)))
    difference = found.paired[found.paired["dataset"] == "north"]["difference"].iloc[0]
    assert difference == pytest.approx(areas.iloc[1] - areas.iloc[0])
    found.save(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"roc_first.png", "scores_second-b.png", "paired.csv", "spread_over_runs.csv"} <= names
    assert "Spread over runs" in (tmp_path / "out/summary.md").read_text()


def test_files_hold_what_was_found(scores: MadeUpScores, tmp_path: Path) -> None:
    found = evaluate(scores, subgroups=("sex",))
    found.save(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("calibration.csv", "calibration.png", "decision_curve.csv", "decision_curve.png", "errors.csv"),
        *("per_image.csv", "ranking_errors.csv", "roc.csv", "roc.png", "roc_band.csv", "scores.png"),
        *("site_shortcut.csv", "summary.csv", "summary.json", "summary.md", "thresholds.csv"),
    ]
    record = json.loads((tmp_path / "out/summary.json").read_text())
    assert record["settings"]["runs"]["run"]["weights_sha256"] == "ab" * 32
    assert len(record["summary"]) == len(found.summary)
    assert [row["state"] for row in record["targets"]] == found.targets["state"].tolist()
    assert record["heterogeneity"] == {"run": None}
    table = pd.read_csv(tmp_path / "out/per_image.csv", dtype={"patient_id": str})
    assert table["label"].tolist() == [number % 2 for number in range(60)] + [number % 2 for number in range(40)]
    thresholds = pd.read_csv(tmp_path / "out/thresholds.csv", keep_default_na=False)
    whole = thresholds[(thresholds["dataset"] == "north") & (thresholds["subgroup"] == "")]
    assert len(whole) == 61
    for name in ("roc", "calibration", "scores", "decision_curve"):
        assert (tmp_path / f"out/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_figures(scores: MadeUpScores) -> None:
    first, second, third = (evaluate(scores, seed=seed) for seed in (3, 3, 4))
    assert first.markdown() == second.markdown()
    assert first.curves.roc_band.equals(second.curves.roc_band)
    assert first.markdown() != third.markdown()


def changed(row: dict[str, str], **values: str) -> dict[str, str]:
    """The row with other values."""
    return row | values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tb_score": "nan"}, r"tb_score must be a finite number, north/images/05\.png has nan \(1 such rows\)"),
        ({"tb_score": ""}, "has nothing"),
        ({"tb_score": "inf"}, "tb_score must be a finite number"),
        ({"tb_probability": "1.2"}, r"tb_probability must be a number from 0 to 1, north/images/05\.png has 1\.2"),
        ({"tb_probability": "-0.1"}, "tb_probability must be a number from 0 to 1"),
        ({"tb_probability": "NaN"}, "tb_probability must be a number from 0 to 1"),
        ({"tb": "yes"}, "tb must be 0 or 1"),
        ({"tb": "2"}, "tb must be 0 or 1"),
        ({"image": "north/images/06.png"}, r"1 images are listed twice, north/images/06\.png first"),
    ],
)
def test_wrong_values_in_a_run_are_refused(scores: MadeUpScores, values: dict[str, str], message: str) -> None:
    rows = scores.predictions()
    scores.write_predictions([changed(row, **values) if number == 5 else row for number, row in enumerate(rows)])
    with pytest.raises(UsageError, match=message) as raised:
        evaluate(scores)
    assert str(raised.value).startswith(str(scores.run / "predictions.csv"))
    assert "\n" not in str(raised.value)


def test_runs_that_cannot_be_read_are_refused(scores: MadeUpScores, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not found; a run is the output folder of a TB classifier"):
        evaluate_classification({"x": tmp_path / "none"}, scores.data)
    write_rows(tmp_path / "lungs/predictions.csv", [{"image": "a", "status": "ok", "reason": "", "flags": ""}])
    with pytest.raises(UsageError, match="column tb_score, tb_probability, tb is missing; found image, status"):
        evaluate_classification({"x": tmp_path / "lungs"}, scores.data)
    (scores.run / "run.json").write_text("{")
    with pytest.raises(UsageError, match=r"run\.json: not a JSON file"):
        evaluate(scores)


def test_runs_on_another_folder_are_explained(scores: MadeUpScores) -> None:
    rows = scores.predictions()
    scores.write_predictions([changed(row, image=row["image"].removeprefix("north/")) for row in rows[:60]])
    with pytest.raises(UsageError, match=r"the run has images/00\.png; paths are those below the dataset_dir"):
        evaluate(scores)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ({"tb": "2"}, {}, r"the index has tb 2 for north/images/05\.png; accepted are 0, 1 and empty"),
        ({"image": "north/images/06.png"}, {}, r"the index lists 1 images twice, north/images/06\.png first"),
        ({}, {"label": "abnormal"}, "none of the 100 selected rows of the index has a abnormal"),
        ({}, {"label": "cavity"}, "the index has no column cavity; found dataset, image"),
        ({}, {"subgroups": ["hiv"]}, "the index has no column hiv"),
        ({}, {"subgroups": ["findings"]}, "subgroups by findings: 60 different values"),
        ({}, {"sites": ["east"]}, "unknown site east; the index has north, south"),
    ],
)
def test_wrong_indexes_and_options_are_refused(
    scores: MadeUpScores, values: dict[str, str], options: dict, message: str
) -> None:
    rows = scores.index()
    scores.write_index([changed(row, **values) if number == 5 else row for number, row in enumerate(rows)])
    with pytest.raises(UsageError, match=message):
        evaluate(scores, **options)
