"""The report on classification: its figures, its models, its sites."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_reports import build, one
from made_up_scores import MadeUpScores, make_scores

from common.data import DataIndexError
from common.evaluation import EvaluationError, evaluate_classification
from common.evaluation.__main__ import main
from common.evaluation.report import parse_target, read_models, report_page


@pytest.fixture
def scores(tmp_path: Path) -> MadeUpScores:
    """See :func:`made_up_scores.make_scores`."""
    return make_scores(tmp_path)


def test_figures_are_those_of_the_evaluation(scores: MadeUpScores) -> None:
    record = build(scores, names=["run"], subgroups=("sex", "age")).record
    part = record["tasks"]["classification"]
    expected = evaluate_classification({"run": scores.run}, scores.data, repeats=20).record()
    assert part["summary"] == expected["summary"]
    assert part["shortcut"] == expected["site_shortcut"]
    assert part["targets"] == expected["targets"]
    assert record["quality"] == []


def test_spread_between_sites(scores: MadeUpScores) -> None:
    rows, table = scores.index(), scores.predictions()
    both = ("east", "west")
    scores.write_index([row | {"image": f"{site}/{row['image']}", "dataset": site} for site in both for row in rows])
    blurred = [row | {"tb_score": f"{float(row['tb_score']) + number % 7:f}"} for number, row in enumerate(table)]
    parts = zip(both, (table, blurred), strict=True)
    scores.write_predictions([row | {"image": f"{site}/{row['image']}"} for site, part in parts for row in part])
    wanted = evaluate_classification({"run": scores.run}, scores.data, repeats=20).record()["heterogeneity"]["run"]
    found = one(build(scores).record["tasks"]["classification"]["heterogeneity"], sites=2)
    assert found["q"] > 0
    assert {key: found[key] for key in wanted} == pytest.approx(wanted, rel=1e-6)


def test_figures_do_not_depend_on_the_number_of_processes(scores: MadeUpScores) -> None:
    assert build(scores, processes=2).record == build(scores).record


def test_the_page_is_made_of_the_json_alone(scores: MadeUpScores, tmp_path: Path) -> None:
    folders = [str(scores.run), "--index", str(scores.data), "--output", str(tmp_path / "out")]
    assert main(["report", *folders, "--repeats", "20", "--processes", "1", "--targets", "auc=0.8"]) == 0
    record = json.loads((tmp_path / "out/report.json").read_text())
    page = (tmp_path / "out/report.html").read_text()
    assert report_page(record) == page
    area = one(record["tasks"]["classification"]["summary"], dataset="north", subgroup="", metric="auc")
    assert page.count(f"{area['estimate']:.3f} [{area['low']:.3f}, {area['high']:.3f}]") >= 3
    # Nothing is fetched: no address but names of the XML world, no style sheet, script or picture of another file.
    assert "http" not in page.replace("http-equiv", "")
    assert "src=" not in page
    assert "<link" not in page


def test_training_sites_against_test_sites(scores: MadeUpScores, tmp_path: Path) -> None:
    rows = scores.predictions()
    other = scores.write_predictions([row for row in rows if row["image"].startswith("south")], tmp_path / "other")
    report = build(scores, scores.run, other, names=["a", "b"], train_sites=["north", "-"])
    matrix = {(row["run"], row["dataset"]): row for row in report.record["matrix"]}
    assert list(matrix) == [("a", "north"), ("a", "south"), ("b", "south")]
    assert [matrix[key]["home"] for key in matrix] == [True, False, None]
    assert matrix["a", "south"]["estimate"] == matrix["b", "south"]["estimate"]
    assert matrix["a", "south"]["train_sites"] == ["north"]
    assert "not tested" in report_page(report.record)


def test_runs_of_one_model_are_put_together(scores: MadeUpScores, tmp_path: Path) -> None:
    rows = scores.predictions()
    parts = [
        scores.write_predictions([row for row in rows if row["image"].startswith(site)], tmp_path / site)
        for site in ("north", "south")
    ]
    whole = build(scores, names=["model"]).record["tasks"]
    assert build(scores, *parts, names=["model", "model"]).record["tasks"] == whole
    # The same weights and settings say so by themselves.
    together = build(scores, *parts)
    assert [model.name for model in together.models] == ["tb_cls 0.1.0"]
    record = json.loads((parts[1] / "run.json").read_text())
    (parts[1] / "run.json").write_text(json.dumps(record | {"weights_sha256": "cd" * 32, "train_sites": ["north"]}))
    apart = read_models(parts)
    assert [(model.name, model.train_sites) for model in apart] == [("north", ()), ("south", ("north",))]


def test_runs_of_one_name_that_disagree_are_refused(scores: MadeUpScores, tmp_path: Path) -> None:
    rows = [row | {"tb_score": "9.0"} for row in scores.predictions()]
    other = scores.write_predictions(rows, tmp_path / "other")
    with pytest.raises(EvaluationError, match=r"disagree on 100 images, north/images/00\.png first.*--names"):
        build(scores, scores.run, other, names=["model", "model"])


def test_sites_and_splits(scores: MadeUpScores) -> None:
    scores.write_index([row | {"cls_split": ""} if row["dataset"] == "south" else row for row in scores.index()])
    report = build(scores, splits={"": ["test"]})
    outcomes = report.record["tasks"]["classification"]["outcomes"]
    assert {row["dataset"]: row["compared"] for row in outcomes} == {"north": 20, "south": 40, "all": 60}
    assert one(report.record["quality"], kind="site taken as a whole")["message"] == "south: not divided by cls_split"
    with pytest.raises(DataIndexError, match="no row with cls_split in tset; the sites have test, val"):
        build(scores, splits={"": ["tset"]})


def test_a_site_without_the_split_is_told_and_can_be_taken_whole(scores: MadeUpScores) -> None:
    scores.write_index([row | {"cls_split": "val"} if row["dataset"] == "south" else row for row in scores.index()])
    report = build(scores, splits={"": ["test"]})
    assert "SITE=all" in one(report.record["quality"], kind="site left out")["message"]
    assert [row["dataset"] for row in report.record["verdict"]] == ["north"]
    report = build(scores, splits={"": ["test"], "south": ["all"]})
    assert [(row["dataset"], row["n"]) for row in report.record["verdict"]] == [
        ("north", 20),
        ("south", 40),
        ("all", 60),
    ]


def test_a_model_tested_on_what_it_learnt_from_is_found(scores: MadeUpScores) -> None:
    scores.write_index([row | {"cls_split": "train"} for row in scores.index()])
    report = build(scores, train_sites=["north"])
    found = one(report.record["quality"], kind="tested on training images")
    assert found["count"] == 60
    assert not report.complete


def test_a_model_tested_on_what_it_was_chosen_by_is_told(scores: MadeUpScores) -> None:
    report = build(scores, train_sites=["north"])
    assert one(report.record["quality"], kind="tested on validation images")["count"] == 40
    assert report.complete
    lead = report_page(report.record).split("<p class=lead>")[1].split("</p>")[0]
    assert lead.endswith('<a href="#quality">1 warning</a> (tested on validation images).')


def test_sites_stand_in_the_order_asked_for(scores: MadeUpScores) -> None:
    record = build(scores, sites=["south", "north"]).record
    assert [row["dataset"] for row in record["verdict"]] == ["south", "north", "all"]
    assert [row["dataset"] for row in record["matrix"]] == ["south", "north"]


def test_all_sites_have_the_one_threshold_of_the_model(scores: MadeUpScores) -> None:
    points = build(scores).record["tasks"]["classification"]["operating_points"]
    home = [row["threshold"] for row in points if row["point"] == "of the home site"]
    score = np.array([float(row["tb_score"]) for row in scores.predictions()])
    assert home == [pytest.approx((score[score < 0].max() + score[score >= 0].min()) / 2)] * 3


def test_methods_tell_what_was_done_and_no_more(scores: MadeUpScores, tmp_path: Path) -> None:
    run = json.loads((scores.run / "run.json").read_text())
    (scores.run / "run.json").write_text(json.dumps(run | {"packages": {"torch": "2.9"}, "train_sites": ["north"]}))
    text = build(scores, splits={"": ["test"], "south": ["all"]}).record["methods"]
    assert "Images asked for: lists test; of south all." in text
    assert "Predictions of tb_cls 0.1.0: weights abababababababab; trained at north; torch 2.9." in text
    assert "compared with the first" not in " ".join(text)
    assert text[-1].startswith("The figures were computed with cxr-tb-common ")
    other = scores.write_predictions(scores.predictions(), tmp_path / "other")
    assert "DeLong's paired test" in " ".join(build(scores, scores.run, other, names=["a", "b"]).record["methods"])


def test_predictive_values_have_intervals_everywhere(scores: MadeUpScores) -> None:
    truth = {row["image"]: 9.0 if row["tb"] == "1" else -9.0 for row in scores.index()}
    scores.write_predictions(scores.scored(truth))
    record = build(scores).record
    rows = record["tasks"]["classification"]["thresholds"]
    assert rows
    for row in rows:
        # No false positive among some dozens does not make every positive call right.
        assert (row["fp"], row["ppv_at_0.01"], row["ppv_at_0.01_high"]) == (0, 1.0, 1.0)
        assert row["ppv_at_0.01_low"] < 0.5
        shown = f"1.000 [{row['ppv_at_0.01_low']:.3f}, 1.000]"
        assert shown in report_page(record)


def test_patients_on_both_sides_of_the_split_are_found(scores: MadeUpScores) -> None:
    rows = scores.index()
    rows[0]["cls_split"], rows[59]["patient_id"] = "train", rows[0]["patient_id"]
    scores.write_index(rows)
    report = build(scores, splits={"": ["test"]})
    assert one(report.record["quality"], kind="patient in training and test")["images"] == ["north/images/59.png"]


def test_targets_are_judged_by_the_interval(scores: MadeUpScores) -> None:
    targets = [parse_target(text) for text in ("auc=0.6", "auc=0.999", "brier=0.2", "dice=0.9")]
    report = build(scores, targets=targets, sites=["north"])
    checks = report.record["verdict"][0]["checks"]
    assert checks[0]["target"].startswith("WHO triage target")
    assert [(check["target"], check["state"]) for check in checks[1:]] == [
        ("AUC at least 0.6", "pass"),
        ("AUC at least 0.999", "fail"),
        ("Brier score at most 0.2", "pass"),
    ]
    assert checks[1]["line"].startswith("pass: AUC at least 0.6: 0.968 [")
    assert one(report.record["quality"], kind="target without figures")["message"].startswith("Dice at least 0.9")
    for text in ("auc", "auc=x", "f1=0.5", "auc=-1"):
        with pytest.raises(EvaluationError, match="accepted is NAME=VALUE"):
            parse_target(text)


def test_folders_that_cannot_be_used(scores: MadeUpScores, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no such folder"):
        read_models([tmp_path / "nothing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="nothing to report on"):
        read_models([tmp_path / "empty"])
    with pytest.raises(EvaluationError, match="--names: 2 given for 1 runs"):
        read_models([scores.run], ["a", "b"])
    with pytest.raises(EvaluationError, match="different training sites"):
        read_models([scores.run, scores.run], ["a", "a"], ["north", "south"])
    with pytest.raises(EvaluationError, match="the index has no column height"):
        build(scores, subgroups=["height"])
