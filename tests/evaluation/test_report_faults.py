"""Whatever is wrong with some rows, the report counts and lists it and says how the others fare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_up_reports import build, one
from made_up_scores import MadeUpScores, make_scores

from common.evaluation import EvaluationError
from common.evaluation.__main__ import main
from common.evaluation.report import report_page
from common.evaluation.report.groups import MOST_GROUPS, cap_groups


@pytest.fixture
def scores(tmp_path: Path) -> MadeUpScores:
    """See :func:`made_up_scores.make_scores`."""
    return make_scores(tmp_path)


def figures(record: dict[str, Any], site: str) -> dict[str, Any]:
    """Figures of a whole site by name."""
    rows = record["tasks"]["classification"]["summary"]
    return {row["metric"]: row for row in rows if row["dataset"] == site and not row["subgroup"]}


def test_unusable_predictions_are_listed_and_the_others_count(scores: MadeUpScores) -> None:
    rows = scores.predictions()
    rows[0]["tb_score"], rows[1]["tb_probability"], rows[2]["tb"] = "nan", "1.2", "2"
    rows[3]["tb_score"] = rows[4]["tb_score"] = "inf"
    rows[5]["tb_probability"] = ""
    scores.write_predictions(rows)
    report = build(scores)
    kinds = {row["kind"]: row["images"] for row in report.record["quality"] if "not usable" in row["kind"]}
    images = [row["image"] for row in rows]
    assert kinds == {
        "tb_score not usable": [images[0], images[3], images[4]],
        "tb_probability not usable": [images[1], images[5]],
        "tb not usable": [images[2]],
    }
    without = one(report.record["quality"], kind="image without prediction")
    assert without["count"] == 6
    assert without["message"].endswith("tb_score is nan, not a finite number")
    assert figures(report.record, "north")["auc"]["n"] == 54
    assert not report.complete


def test_a_label_that_means_nothing_leaves_the_others(scores: MadeUpScores) -> None:
    rows = scores.index()
    image = rows[0]["image"]
    rows[0]["tb"] = "2"
    scores.write_index(rows)
    report = build(scores)
    wrong = one(report.record["quality"], kind="tb not usable")
    assert (wrong["severity"], wrong["where"], wrong["images"]) == ("error", "index", [image])
    assert "found 2" in wrong["message"]
    assert figures(report.record, rows[0]["dataset"])["auc"]["n"] == 59
    assert not report.complete


def test_repeated_predictions(scores: MadeUpScores) -> None:
    rows = scores.predictions()
    clean = build(scores).record["tasks"]
    scores.write_predictions([*rows, rows[0], rows[1] | {"tb_score": "3.0"}])
    record = build(scores).record
    assert one(record["quality"], kind="image predicted twice")["images"] == [rows[0]["image"]]
    differing = one(record["quality"], kind="image predicted twice with different results")
    assert (differing["severity"], differing["images"]) == ("error", [rows[1]["image"]])
    assert figures(record, "north")["auc"]["n"] == 59
    scores.write_predictions([*rows, rows[0]])
    assert build(scores).record["tasks"] == clean


def test_repeated_rows_of_the_index(scores: MadeUpScores) -> None:
    rows = scores.index()
    scores.write_index([*rows, rows[0], rows[1] | {"tb": "0"}])
    record = build(scores).record
    assert one(record["quality"], kind="image listed twice")["images"] == [rows[0]["image"]]
    differing = one(record["quality"], kind="image listed twice with different entries")
    assert (differing["severity"], differing["images"]) == ("error", [rows[1]["image"]])
    assert figures(record, "north")["auc"]["n"] == 59
    # Its prediction is not one for an unknown image.
    assert len(record["quality"]) == 2


def test_predictions_and_images_without_each_other(
    scores: MadeUpScores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = scores.predictions()
    scores.write_predictions([*rows[25:], rows[0] | {"image": "x/y.png"}])
    output = ["--index", str(scores.data), "--output", str(tmp_path / "out"), "--repeats", "5", "--processes", "1"]
    assert main(["report", str(scores.run), *output]) == 3
    printed = capsys.readouterr().err.splitlines()
    assert printed[0].startswith("error: image without prediction (tb_cls 0.1.0, north): 25; ")
    assert printed[1].startswith("warning: prediction for an image that is not in the index (tb_cls 0.1.0): 1; ")
    page = (tmp_path / "out/report.html").read_text()
    assert "<li>x/y.png</li>" in page
    assert "… and 5 more, in report.json." in page


def test_one_class_and_three_patients(scores: MadeUpScores) -> None:
    rows = scores.index()
    small = [row for row in rows if row["dataset"] == "south"][:3]
    healthy = [row for row in rows if row["dataset"] == "north" and row["tb"] == "0"]
    scores.write_index([*small, *healthy])
    record = build(scores).record
    assert figures(record, "north")["auc"]["estimate"] is None
    area = figures(record, "south")["auc"]
    assert (area["n"], area["interval"]) == (3, "Newcombe")
    assert area["high"] - area["low"] > 0.4
    points = record["tasks"]["classification"]["operating_points"]
    assert one(points, dataset="south", point="refitted here")["line"].startswith(
        "not fitted: 1 positive and 2 negative"
    )
    assert "one class only: no ROC curve" in report_page(record)


def test_three_patients_with_many_images_are_three_patients(scores: MadeUpScores) -> None:
    rows = [row for row in scores.index() if row["dataset"] == "north"]
    scores.write_index([row | {"patient_id": "ill" if row["tb"] == "1" else row["sex"]} for row in rows])
    record = build(scores).record
    area = figures(record, "north")["auc"]
    assert (area["n"], area["interval"]) == (60, "Newcombe")
    assert area["high"] - area["low"] > 0.5
    assert one(record["quality"], kind="several images of a patient")["count"] == 57
    assert ": few patients or few errors)" in report_page(record)
    assert "fewer than 30 patients" in record["methods"][1]


def test_a_band_of_no_width_is_not_drawn(scores: MadeUpScores) -> None:
    assert build(scores).record["tasks"]["classification"]["roc"][0]["low"] is not None
    truth = {row["image"]: float(row["tb"]) for row in scores.index()}
    scores.write_predictions(scores.scored(truth))
    record = build(scores).record
    assert [row["low"] for row in record["tasks"]["classification"]["roc"]] == [None] * 3
    assert "AUC 1.000 [" in report_page(record)


def test_probabilities_that_nothing_was_fitted_to_are_told_of(scores: MadeUpScores) -> None:
    rows = scores.predictions()
    rows[0]["flags"] = "uncalibrated small"
    scores.write_predictions(rows)
    found = one(build(scores).record["quality"], kind="probabilities not calibrated")
    assert (found["severity"], found["images"]) == ("warning", [rows[0]["image"]])


def test_a_class_index_turned_round_is_warned_of(scores: MadeUpScores) -> None:
    scores.write_predictions([row | {"tb_score": f"{-float(row['tb_score']):f}"} for row in scores.predictions()])
    record = build(scores).record
    warned = [row for row in record["quality"] if row["kind"] == "AUC below 0.5"]
    assert [row["where"] for row in warned] == [f"tb_cls 0.1.0, {site}" for site in ("north", "south", "all")]
    assert "turned round" in warned[0]["message"]
    histogram = record["tasks"]["classification"]["histogram"]["counts"]
    assert sum(one(histogram, dataset="north", label=1)["counts"]) == 30


def test_many_subgroups_are_put_together_and_said_so(scores: MadeUpScores) -> None:
    rows = scores.index()
    scores.write_index(
        [row | {"findings": "common" if number < 8 else f"text {number}"} for number, row in enumerate(rows)]
    )
    record = build(scores, subgroups=["findings"]).record
    part = record["tasks"]["classification"]
    groups = {row["group"]: row["n"] for row in part["summary"] if row["subgroup"] and row["dataset"] == "all"}
    assert len(groups) == MOST_GROUPS + 1
    assert groups["common"] == 8
    assert groups["other (73 values)"] == 73
    assert sum(groups.values()) == 100
    assert "Of the 93 values of findings, the 20 most frequent" in part["statements"][0]
    assert "the other 73 (73 images)" in report_page(record)


def test_thousands_of_subgroups_cost_no_more_than_a_few() -> None:
    images = pd.DataFrame({"hash": [f"{number:05d}" for number in range(50_000)], "age": "40"})
    images.loc[:9, "hash"] = "often"
    found, told = cap_groups(images, ["hash", "age"])
    assert found["hash"].nunique() == MOST_GROUPS + 1
    assert (found["hash"] == "often").sum() == 10
    assert len(told) == 1
    assert told[0].startswith(
        "Of the 49,991 values of hash, the 20 most frequent are shown by themselves; the other 49,971 "
    )


def test_values_that_are_missing_or_odd(scores: MadeUpScores) -> None:
    rows = scores.index()
    rows[0]["age"], rows[1]["age"], rows[2]["sex"], rows[3]["patient_id"] = "", "400", "x", ""
    scores.write_index(rows)
    quality = build(scores).record["quality"]
    found = {row["kind"]: (row["severity"], row["images"]) for row in quality}
    assert found == {
        "age missing": ("note", [rows[0]["image"]]),
        "age out of range": ("warning", [rows[1]["image"]]),
        "unusual sex": ("warning", [rows[2]["image"]]),
        "patient_id missing": ("note", [rows[3]["image"]]),
    }


def test_files_that_two_sites_share(scores: MadeUpScores) -> None:
    for name, content in {
        "north/images/00.png": b"same",
        "south/images/01.png": b"same",
        "north/images/02.png": b"sama",
    }.items():
        path = scores.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = one(build(scores).record["quality"], kind="same file at several sites")
    assert found["images"] == ["north/images/00.png", "south/images/01.png"]


def test_names_and_texts_are_escaped(scores: MadeUpScores) -> None:
    rows = [row | {"dataset": "<b>&"} for row in scores.index() if row["dataset"] == "north"]
    scores.write_index(rows)
    page = report_page(build(scores, names=['"><script>x']).record)
    assert "<b>&" not in page.replace("<b>&amp;", "")
    assert "<script>x" not in page


def test_a_run_on_another_folder_is_refused(scores: MadeUpScores) -> None:
    scores.write_predictions([row | {"image": f"elsewhere/{row['image']}"} for row in scores.predictions()])
    with pytest.raises(EvaluationError, match="none of its 100 images is in the index"):
        build(scores)
