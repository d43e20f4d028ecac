"""The report on segmentation and localisation."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_masks import MadeUp, lungs
from made_up_regions import make_regions, make_run
from made_up_reports import one
from PIL import Image

from common.evaluation import EvaluationError, evaluate_localization, evaluate_lungs
from common.evaluation.__main__ import main
from common.evaluation.report import (
    Report,
    ReportOptions,
    build_report,
    parse_target,
    read_models,
    report_page,
)
from common.evaluation.report.pictures import case_pictures


def build(data: Path, *runs: Path, names: list[str] | None = None, **options: Any) -> Report:
    """A report of few repeats."""
    return build_report(read_models(runs, names), data, ReportOptions(**{"repeats": 20, "subgroups": (), **options}))


def unmarked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the name of the run."""
    return [{key: value for key, value in row.items() if key != "run"} for row in rows]


def test_figures_are_those_of_the_evaluation(made_up: MadeUp) -> None:
    record = build(made_up.data, made_up.predictions, tolerance=1.0).record
    expected = evaluate_lungs(made_up.predictions, made_up.data, tolerance=1.0, repeats=20).record()
    part = record["tasks"]["lungs"]
    assert unmarked(part["summary"]) == expected["summary"]
    # A few images of each site say nothing of the spread between them.
    assert part["heterogeneity"] == []
    outcomes = [{key: row[key] for key in row if key != "patients"} for row in unmarked(part["outcomes"])]
    assert outcomes == expected["outcomes"]
    assert [row["patients"] for row in part["outcomes"]] == [3, 3, 6]
    found = one(record["quality"], kind="image without truth")
    assert (found["severity"], found["images"]) == ("note", ["north/images/case 3.png"])


def test_processes_change_nothing(made_up: MadeUp) -> None:
    alone = build(made_up.data, made_up.predictions)
    assert build(made_up.data, made_up.predictions, processes=2).record == alone.record


def test_an_earlier_evaluation_stands_in_for_masks(made_up: MadeUp, tmp_path: Path) -> None:
    evaluate_lungs(made_up.predictions, made_up.data, repeats=20).save(tmp_path / "evaluation")
    masks = build(made_up.data, made_up.predictions, names=["net"]).record["tasks"]["lungs"]
    saved = build(made_up.data, tmp_path / "evaluation", names=["net"])
    assert saved.record["tasks"]["lungs"] == masks
    assert case_pictures(saved) == {}
    made_up.write_index([*made_up.read_index(), {"dataset": "north", "image": "north/new.png", "lung_mask": "x.png"}])
    missing = one(build(made_up.data, tmp_path / "evaluation").record["quality"], kind="image without prediction")
    assert missing["images"] == ["north/new.png"]


def test_faulty_masks_are_listed_and_the_others_count(made_up: MadeUp) -> None:
    made_up.predict("south/images/case 0.png", lungs()[:-1])
    made_up.predict("south/images/case 1.png", np.zeros_like(lungs()))
    made_up.predict("elsewhere/x.png", lungs())
    (made_up.predictions / "north/images/case 0_lungs.png").unlink()
    (made_up.predictions / "south/images/case 2_lungs.png").write_bytes(b"no picture")
    report = build(made_up.data, made_up.predictions, sites=["north", "south"])
    found = {row["kind"]: row["images"] for row in report.record["quality"] if not row["kind"].endswith("missing")}
    assert found == {
        "prediction not usable": ["south/images/case 0.png", "south/images/case 2.png"],
        "image without prediction": ["north/images/case 0.png"],
        "mask for an image that is not in the index": ["elsewhere/x_lungs.png"],
        "image without truth": ["north/images/case 3.png"],
        "empty prediction": ["south/images/case 1.png"],
    }
    assert not report.complete
    assert [row["n"] for row in report.record["verdict"]] == [2, 2, 4]


def test_models_are_compared_image_by_image(made_up: MadeUp, tmp_path: Path) -> None:
    better = tmp_path / "better"
    shutil.copytree(made_up.predictions, better)
    for path in better.rglob("*_lungs.png"):
        Image.fromarray(lungs().astype(np.uint8) * 255).save(path)
    record = build(made_up.data, made_up.predictions, better, names=["a", "b"]).record
    row = one(record["tasks"]["lungs"]["paired"], dataset="all", metric="dice")
    assert (row["better"], row["equal"], row["worse"], row["n"]) == (5, 2, 0, 7)
    assert row["p_wilcoxon"] <= row["p_adjusted"]
    assert record["tasks"]["lungs"]["cases"][0]["image"] == "north/images/case 2.png"


def test_pictures_are_embedded_and_can_be_left_out(made_up: MadeUp, tmp_path: Path) -> None:
    options = ["--index", str(made_up.data), "--repeats", "5", "--subgroups", "--cases", "1", "--processes", "1"]
    assert main(["report", str(made_up.predictions), "--output", str(tmp_path / "a"), *options]) == 0
    page = (tmp_path / "a/report.html").read_text()
    pictures = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)" alt="([^"]+)"', page)
    assert len(pictures) == 2
    assert pictures[0][1].startswith("Radiograph north/images/case 2.png, beside it truth and prediction: Dice 0.9")
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures[0][0]))).convert("RGB")).astype(int)
    columns = drawn.shape[1]
    left, right = drawn[:, : columns // 2 - 4], drawn[:, columns // 2 + 4 :]
    assert np.ptp(left, axis=2).max() < 40  # the radiograph by itself is grey
    yellow = (right[..., 0] > 170) & (right[..., 1] > 170) & (right[..., 2] < 130)
    tinted = (right[..., 2] - right[..., 0] > 25).mean()
    assert yellow.any()
    assert 0.2 < tinted / lungs().mean() < 1.1
    assert main(["report", str(made_up.predictions), "--output", str(tmp_path / "b"), "--no_images", *options]) == 0
    assert "<img" not in (tmp_path / "b/report.html").read_text()
    assert (tmp_path / "b/report.json").read_text().replace('"pictures": false', '"pictures": true') == (
        tmp_path / "a/report.json"
    ).read_text()


def test_units_of_length_never_share_a_row(made_up: MadeUp) -> None:
    record = build(made_up.data, made_up.predictions).record
    rows = [row for row in record["tasks"]["lungs"]["summary"] if row["metric"] == "hd95" and row["dataset"] == "all"]
    assert {row["unit"]: row["n"] for row in rows} == {"mm": 3, "px": 4}
    assert ">mm</td>" in report_page(record)


def test_a_target_of_a_length_says_in_which_unit_and_of_how_many_images(made_up: MadeUp) -> None:
    record = build(made_up.data, made_up.predictions, targets=[parse_target("hd95=100")]).record
    north, south, both = (row["checks"][0]["line"] for row in record["verdict"])
    assert north.endswith("] mm") or north.endswith("] px")
    assert south.endswith("] mm") or south.endswith("] px")
    assert both.startswith("pass: HD95 at most 100: ")
    assert both.endswith("] px (4 of 7 images)")


def test_localisation(tmp_path: Path) -> None:
    made = make_regions(tmp_path)
    run = make_run(made)
    report = build(made.data, run)
    part = report.record["tasks"]["localization"]
    expected = evaluate_localization({"run": run}, made.data, repeats=20).record()
    for name in ("summary", "detection", "outcomes"):
        assert part[name] == expected[name]
    assert part["cases"][0]["image"] == made.image("b")
    assert one(report.record["quality"], kind="image without truth")["images"] == [made.image("f")]
    assert list(case_pictures(report)) == [("localization", "run", made.image(name)) for name in "bca"]
    page = report_page(report.record)
    assert "Share of the true boxes found" in page
    assert json.loads(json.dumps(report.record)) == report.record


def test_regions_without_true_boxes_are_no_localisation(tmp_path: Path) -> None:
    made = make_regions(tmp_path)
    run = make_run(made)
    made.write_index([row | {"boxes": ""} for row in made.index()])
    with pytest.raises(EvaluationError, match="knows no truth for anything"):
        build(made.data, run)
