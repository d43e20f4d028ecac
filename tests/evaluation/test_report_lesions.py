"""The report on lesions, and earlier evaluations of lesions and localisation as its runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_lesions import make_lesion_run, make_lesions, mask_path
from made_up_regions import MadeUpRegions, make_regions, make_run, picture, save
from made_up_reports import one

from common.data import DataIndexError
from common.evaluation import EvaluationError, evaluate_lesions, evaluate_localization
from common.evaluation.__main__ import main
from common.evaluation.report import Report, ReportOptions, build_report, parse_target, read_models, report_page
from common.evaluation.report.pictures import case_pictures


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRegions:
    """See :func:`made_up_lesions.make_lesions`."""
    return make_lesions(tmp_path)


def build(made: MadeUpRegions, *runs: Path, names: list[str] | None = None, **options: Any) -> Report:
    """A report of few repeats."""
    return build_report(
        read_models(runs, names), made.data, ReportOptions(**{"repeats": 20, "subgroups": (), **options})
    )


def unmarked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the name of the run."""
    return [{key: value for key, value in row.items() if key != "run"} for row in rows]


def test_figures_are_those_of_the_evaluation(made: MadeUpRegions) -> None:
    run = make_lesion_run(made)
    report = build(
        made, run, names=["net"], targets=[parse_target("dice=0.1"), parse_target("false_positive_share=0.01")]
    )
    part = report.record["tasks"]["lesions"]
    expected = evaluate_lesions(run, made.data, repeats=20).record()
    for name in ("summary", "detection", "froc"):
        assert unmarked(part[name]) == expected[name], name
    outcomes = [{key: row[key] for key in row if key != "positives"} for row in unmarked(part["outcomes"])]
    assert outcomes == expected["outcomes"]
    assert part["hit_rule"] == {"net": "IoU 0.2 or more with a true box"}
    verdict = one(report.record["verdict"], dataset="north")
    dice = one(part["summary"], images="with boxes", metric="dice")
    assert (verdict["n"], verdict["positives"], verdict["estimate"]) == (5, 3, dice["mean"])
    assert [check["target"] for check in verdict["checks"]] == [
        "Dice at least 0.1",
        "false positive area, share of the lungs at most 0.01",
    ]
    assert one(report.record["quality"], kind="lungs not known")["images"] == [made.image("e")]
    assert json.loads(json.dumps(report.record)) == report.record


def test_dice_is_judged_where_there_is_something_to_find(made: MadeUpRegions) -> None:
    """An empty mask on a normal film has Dice 1, which says nothing of finding lesions."""
    rows = [row | {"dataset": "normal"} if row["tb"] == "0" else row for row in made.index()]
    made.write_index(rows)
    targets = [parse_target("dice=0.1"), parse_target("false_positive_share=0.9")]
    record = build(made, make_lesion_run(made), targets=targets).record
    checks = one(record["verdict"], dataset="normal")["checks"]
    assert [check["target"] for check in checks] == ["false positive area, share of the lungs at most 0.9"]


def test_worst_cases_are_listed_and_drawn(made: MadeUpRegions) -> None:
    report = build(made, make_lesion_run(made), cases=1)
    cases = report.record["tasks"]["lesions"]["cases"]
    assert [(row["kind"], row["image"]) for row in cases] == [("worst", made.image("c")), ("normal", made.image("d"))]
    assert cases[1]["false_positive_share"] == pytest.approx(144 / (96 * 72) / 0.5)
    pictures = case_pictures(report)
    assert list(pictures) == [("lesions", "tb_seg", made.image(name)) for name in "cd"]
    page = report_page(report.record, pictures)
    assert page.count("<img") == 2
    for text in ("Normal images with the largest false area", "FROC as a table", 'id="froc-0"', "Chakraborty"):
        assert text in page


def test_curve_of_the_page_is_that_of_the_evaluation(made: MadeUpRegions) -> None:
    """Scores from high to low: false 0.95 (d), hit 0.9 (a), miss 0.8 (c, IoU 1/3), false 0.7 (b), hit 0.6 (b)."""
    report = build(made, make_lesion_run(made), hit=0.5)
    points = [
        (row["threshold"], row["sensitivity"], row["false_positives"])
        for row in report.record["tasks"]["lesions"]["froc_curve"]
    ]
    expected = [(0.95, 0, 1 / 5), (0.9, 1 / 4, 1 / 5), (0.7, 1 / 4, 3 / 5), (0.6, 2 / 4, 3 / 5)]
    assert np.array(points) == pytest.approx(np.array(expected))


def test_subgroups(made: MadeUpRegions) -> None:
    for name, sex in zip("abcde", "FMFMF", strict=True):
        made.change(name, sex=sex)
    report = build(made, make_lesion_run(made), subgroups=("sex",))
    rows = report.record["tasks"]["lesions"]["subgroups"]
    women = one(rows, group="F", metric="dice")
    assert (women["n"], women["estimate"]) == (2, pytest.approx((1 + 0.5) / 2))
    assert one(rows, group="M", metric="any_false_positive")["estimate"] == 1.0
    # a and c: two true boxes, one of them found at an IoU of 0.5, by the surest lesion.
    precision = [row for row in rows if row["group"] == "F" and row["metric"] == "average precision"]
    assert {row["iou"]: row["estimate"] for row in precision} == {0.3: pytest.approx(1.0), 0.5: pytest.approx(0.5)}
    assert "sex F" in report_page(report.record)


def test_runs_of_one_model_are_put_together(made: MadeUpRegions, tmp_path: Path) -> None:
    whole = make_lesion_run(made)
    parts = [tmp_path / "one", tmp_path / "two"]
    regions = json.loads((whole / "lesions.json").read_text())
    for part, names in zip(parts, ("ab", "cde"), strict=True):
        for name in names:
            mask_path(part, name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(mask_path(whole, name), mask_path(part, name))
        own = {image: value for image, value in regions.items() if Path(image).stem in names}
        (part / "lesions.json").write_text(json.dumps(own))
        shutil.copy(whole / "run.json", part / "run.json")
    together = build(made, *parts)
    assert together.record["tasks"] == build(made, whole).record["tasks"]
    assert len(together.models) == 1
    assert len(case_pictures(together)) == 4


def test_an_earlier_evaluation_stands_in_for_masks(made: MadeUpRegions, tmp_path: Path) -> None:
    run = make_lesion_run(made)
    evaluate_lesions(run, made.data, repeats=20).save(tmp_path / "evaluation")
    saved = build(made, tmp_path / "evaluation", names=["net"])
    assert saved.record["tasks"] == build(made, run, names=["net"]).record["tasks"]
    assert saved.models[0].about()["weights_sha256"] == "ab" * 32
    assert case_pictures(saved) == {}
    made.add_image("new", None, tb="0")
    missing = one(build(made, tmp_path / "evaluation").record["quality"], kind="image without prediction")
    assert missing["images"] == [made.image("new")]


def test_an_earlier_evaluation_of_localisation_is_a_run(tmp_path: Path) -> None:
    made = make_regions(tmp_path)
    run = make_run(made)
    evaluate_localization({"cam": run, "again": run}, made.data, repeats=20).save(tmp_path / "both")
    evaluate_localization({"cam": run}, made.data, repeats=20).save(tmp_path / "alone")
    direct = build(made, run, names=["net"]).record["tasks"]["localization"]
    saved = build(made, tmp_path / "alone", names=["net"])
    for name in ("summary", "detection", "cases"):
        assert saved.record["tasks"]["localization"][name] == direct[name], name
    assert case_pictures(saved) == {}
    both = build(made, tmp_path / "both", names=["net"]).record["tasks"]["localization"]
    assert list(both["settings"]) == ["net (cam)", "net (again)"]
    assert one(both["paired"], dataset="north", metric="dice")["equal"] == 5
    made.add_image("new", [(1, 2, 3, 4)])
    missing = one(build(made, tmp_path / "alone").record["quality"], kind="image without prediction")
    assert missing["images"] == [made.image("new")]


def test_models_are_compared_on_the_same_images(made: MadeUpRegions) -> None:
    other = make_lesion_run(made, "other", {"a": []})
    report = build(made, make_lesion_run(made), other, names=["one", "two"])
    part = report.record["tasks"]["lesions"]
    row = one(part["paired"], dataset="north", images="with boxes", metric="dice")
    assert (row["baseline"], row["run"], row["better"], row["equal"], row["worse"]) == ("one", "two", 0, 2, 1)
    mean = one(part["paired_detection"], figure="mean sensitivity", dataset="north")
    assert mean["difference"] < 0
    assert "Differences of average precision" in report_page(report.record)


def test_faulty_results_are_listed_and_the_others_count(made: MadeUpRegions) -> None:
    run = make_lesion_run(made)
    save(mask_path(run, "a"), picture([((10, 10, 20, 20), 255)])[:-1])
    mask_path(run, "c").unlink()
    save(mask_path(run, "d"), picture([]))
    save(run / "elsewhere/x_tb.png", picture([]))
    made.change("e", tb="1")
    report = build(made, run)
    told = {row["kind"]: row["images"] for row in report.record["quality"]}
    found = {
        kind: images for kind, images in told.items() if not kind.endswith("missing") and kind != "same file twice"
    }
    assert found == {
        "prediction not usable": [made.image("a"), made.image("d")],
        "image without prediction": [made.image("c")],
        "mask for an image that is not in the index": ["elsewhere/x_tb.png"],
        "image without truth": [made.image("e")],
    }
    assert not report.complete
    assert [(row["n"], row["positives"]) for row in report.record["verdict"]] == [(1, 1)]


def test_a_site_of_normal_images_is_judged_by_false_lesions(made: MadeUpRegions) -> None:
    for name in "de":
        made.change(name, dataset="south")
    report = build(made, make_lesion_run(made))
    south = one(report.record["verdict"], dataset="south")
    assert (south["figure"], south["estimate"], south["n"]) == ("share of normal images with a false lesion", 0.5, 2)
    assert south["low"] < 0.1
    assert [row["dataset"] for row in report.record["matrix"]] == ["north"]
    page = report_page(report.record)
    assert "share of normal images with a false lesion 0.500" in page
    assert "2 images, 0 with boxes" in page


def test_splits_of_another_column(made: MadeUpRegions) -> None:
    for name in "de":
        made.change(name, dataset="south", det_split="", cls_split="test" if name == "d" else "train")
    run = make_lesion_run(made)
    report = build(made, run, splits={"": ["val"], "south": ["cls_split:test"]})
    assert {row["dataset"]: row["n"] for row in report.record["verdict"]} == {"north": 3, "south": 1, "all": 4}
    with pytest.raises(DataIndexError, match="no row with cls_split in val; the sites have test, train"):
        build(made, run, splits={"": ["val"], "south": ["cls_split:val"]})
    with pytest.raises(DataIndexError, match="no split column fold"):
        build(made, run, splits={"": ["fold:1"]})


def test_the_command(made: MadeUpRegions, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--index", str(made.data), "--output", str(tmp_path / "out"), "--repeats", "5", "--processes", "1"]
    assert main(["report", str(make_lesion_run(made)), *options, "--hit", "centre", "--subgroups", "--no_images"]) == 0
    record = json.loads((tmp_path / "out/report.json").read_text())
    assert record["tasks"]["lesions"]["hit_rule"] == {"tb_seg": "centre in a true box"}
    assert record["settings"]["hit"] == "centre"
    assert "note: lungs not known" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path), *options, "--hit", "2"])


def test_different_hit_rules_of_one_model_are_refused(made: MadeUpRegions, tmp_path: Path) -> None:
    run = make_lesion_run(made)
    evaluate_lesions(run, made.data, repeats=5, hit="centre").save(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    record = json.loads((tmp_path / "two/summary.json").read_text())
    record["settings"]["hit_rule"] = 0.5
    (tmp_path / "two/summary.json").write_text(json.dumps(record))
    images = (tmp_path / "one/per_image.csv").read_text().splitlines()
    (tmp_path / "one/per_image.csv").write_text("\n".join(images[:3]) + "\n")
    with pytest.raises(EvaluationError, match=r"net: its evaluations have different hit rules, \['centre', 0\.5\]"):
        build(made, tmp_path / "one", tmp_path / "two", names=["net", "net"])
