"""Per-image figures of saved lung masks, and what becomes of images that cannot be compared."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
from made_up_masks import COLUMNS, ROWS, MadeUp, lungs, save_mask

from common.data import DataIndexError
from common.evaluation import EvaluationError, MaskEvaluation, evaluate_lungs, parse_spacing
from common.evaluation.spacing import site_spacing


def _evaluate(made_up: MadeUp, **options) -> MaskEvaluation:
    return evaluate_lungs(made_up.predictions, made_up.data, repeats=50, **options)


def _row(evaluation: MaskEvaluation, image: str, stage: str = "final") -> pd.Series:
    table = evaluation.per_image
    return table[(table["image"] == image) & (table["stage"] == stage)].squeeze(axis=0)


def test_every_image_has_its_figures(made_up: MadeUp) -> None:
    evaluation = _evaluate(made_up, sites=["south"])
    area = lungs().sum()
    assert evaluation.per_image["status"].tolist() == ["ok"] * 4
    for number, row in evaluation.per_image.iterrows():
        lost = number * (48 + 40)  # the two lungs are 48 and 40 pixels high
        assert (row["tp"], row["fp"], row["fn"]) == (area - lost, lost, lost)
        assert row["tn"] == ROWS * COLUMNS - area - lost
        assert row["dice"] == pytest.approx(1 - lost / area)
        assert (row["unit"], row["hd"]) == ("px", number)
        assert math.isnan(row["surface_dice"])


def test_pixel_size_along_rows_and_columns_is_kept_apart(made_up: MadeUp) -> None:
    made_up.predict("north/images/case 1.png", np.roll(lungs(), 4, axis=0))
    evaluation = _evaluate(made_up, sites=["north"])
    right, down = (_row(evaluation, f"north/images/case {number}.png") for number in (2, 1))
    assert (right["unit"], right["spacing_x"], right["spacing_y"]) == ("mm", 0.5, 0.25)
    assert right["hd"] == pytest.approx(2 * 0.5)  # two columns
    assert down["hd"] == pytest.approx(4 * 0.25)  # four rows


@pytest.mark.parametrize("given", [{"south": 0.7}, {"south": [0.7, 0.7]}, parse_spacing(["south=0.7"])])
def test_pixel_size_can_be_given_by_site(made_up: MadeUp, given: dict) -> None:
    assert _row(_evaluate(made_up, spacing=given), "south/images/case 3.png")["hd"] == pytest.approx(3 * 0.7)


def test_a_given_pixel_size_goes_before_the_index(made_up: MadeUp) -> None:
    evaluation = _evaluate(made_up, spacing=parse_spacing(["north=2,1"]))
    assert _row(evaluation, "north/images/case 2.png")["hd"] == pytest.approx(2 * 2)


def test_surface_dice_only_when_asked_for(made_up: MadeUp) -> None:
    evaluation = _evaluate(made_up, sites=["south"], tolerance=1)
    assert evaluation.per_image["surface_dice"].tolist()[:2] == [1, 1]  # shifted by none and by one pixel
    assert evaluation.per_image["surface_dice"].iloc[3] < 1


def test_split_and_site_choose_the_images(made_up: MadeUp) -> None:
    chosen = _evaluate(made_up, sites=["south"], splits=["val"]).per_image
    assert chosen[["image", "split"]].to_numpy().tolist() == [["south/images/case 3.png", "val"]]
    with pytest.raises(DataIndexError, match="unknown site west"):
        _evaluate(made_up, sites=["west"])
    with pytest.raises(DataIndexError, match="no row with seg_split in holdout"):
        _evaluate(made_up, splits=["holdout"])


def test_images_without_truth_are_counted_and_no_problem(made_up: MadeUp) -> None:
    evaluation = _evaluate(made_up)
    assert _row(evaluation, "north/images/case 3.png")["status"] == "no truth"
    north = evaluation.outcomes.set_index("dataset").loc["north"]
    assert north[["images", "compared", "no_truth", "missing", "failed"]].tolist() == [4, 3, 1, 0, 0]
    assert evaluation.problems.empty


def test_missing_predictions_are_counted_with_the_reason_of_the_inference(made_up: MadeUp) -> None:
    for number in (1, 2):
        (made_up.predictions / f"south/images/case {number}_lungs.png").unlink()
    (made_up.predictions / "predictions.csv").write_text(
        "image,status,reason\nsouth/images/case 0.png,ok,\nsouth/images/case 1.png,refused,a colour picture\n"
    )
    evaluation = _evaluate(made_up, sites=["south"])
    refused, absent = (_row(evaluation, f"south/images/case {number}.png") for number in (1, 2))
    assert (refused["status"], refused["reason"]) == ("missing", "refused: a colour picture")
    assert absent["status"] == "missing"
    assert absent["reason"].endswith("case 2_lungs.png: no such file")
    assert evaluation.outcomes["missing"].tolist() == [2]
    assert evaluation.summary["n"].tolist() == [2] * len(evaluation.summary)


def test_masks_of_another_size_are_named_with_both_sizes(made_up: MadeUp) -> None:
    made_up.predict("south/images/case 1.png", lungs()[:, :-1])
    row = _row(_evaluate(made_up), "south/images/case 1.png")
    assert row["status"] == "failed"
    assert row["reason"].endswith("case 1_lungs.png: 95 x 72 pixels, its truth 1.png 96 x 72 pixels")


def test_unusable_files_fail_alone(made_up: MadeUp) -> None:
    (made_up.predictions / "south/images/case 0_lungs.png").write_bytes(b"no picture")
    (made_up.data / "south/left/1.png").unlink()
    evaluation = _evaluate(made_up, sites=["south"])
    assert evaluation.per_image["status"].tolist() == ["failed", "failed", "ok", "ok"]
    assert "case 0_lungs.png" in evaluation.per_image["reason"][0]
    assert evaluation.per_image["reason"][1].startswith("truth ")
    assert "left/1.png: no such file" in evaluation.per_image["reason"][1]


def test_an_empty_prediction_counts_as_the_worst(made_up: MadeUp) -> None:
    made_up.predict("south/images/case 0.png", np.zeros((ROWS, COLUMNS), dtype=bool))
    evaluation = _evaluate(made_up, sites=["south"])
    row = _row(evaluation, "south/images/case 0.png")
    assert (row["status"], row["dice"]) == ("ok", 0)
    assert row["hd95"] == pytest.approx(math.hypot(ROWS - 1, COLUMNS - 1))
    assert evaluation.outcomes["empty_prediction"].tolist() == [1]


def test_masks_before_post_processing_are_evaluated_beside(made_up: MadeUp) -> None:
    assert set(_evaluate(made_up).per_image["stage"]) == {"final"}
    raw = lungs()
    raw[2:6, 2:6] = True
    made_up.predict("south/images/case 0.png", raw, ending="lungs_raw")
    evaluation = _evaluate(made_up, sites=["south"])
    assert _row(evaluation, "south/images/case 0.png")["dice"] == 1
    assert _row(evaluation, "south/images/case 0.png", "raw")["fp"] == 16
    outcomes = evaluation.outcomes.set_index("stage")
    assert outcomes.loc["raw", ["compared", "missing"]].tolist() == [1, 3]


def test_radiographs_are_not_needed(made_up: MadeUp) -> None:
    expected = _evaluate(made_up)
    for site in ("north", "south"):
        shutil.rmtree(made_up.data / site / "images")
    assert _evaluate(made_up).per_image.equals(expected.per_image)


def test_predictions_of_unknown_images_are_listed(made_up: MadeUp) -> None:
    made_up.predict("south/images/stranger.png", lungs())
    assert _evaluate(made_up, sites=["north"]).unknown == ["south/images/stranger_lungs.png"]


def test_sites_without_a_name_are_one_site(made_up: MadeUp) -> None:
    made_up.write_index([{key: row[key] for key in ("image", "lung_mask")} for row in made_up.read_index()[:3]])
    evaluation = _evaluate(made_up)
    assert set(evaluation.summary["dataset"]) == {"unnamed"}
    assert set(evaluation.per_image["unit"]) == {"px"}


def test_what_makes_evaluation_impossible_is_said_in_one_line(made_up: MadeUp) -> None:
    rows = made_up.read_index()
    with pytest.raises(EvaluationError, match="nowhere: no such folder of predictions"):
        evaluate_lungs(made_up.predictions / "nowhere", made_up.data)
    with pytest.raises(EvaluationError, match="spacing of west: no such site; the index has north, south"):
        _evaluate(made_up, spacing={"west": 0.7})
    with pytest.raises(EvaluationError, match=r"spacing of south: accepted is a positive length .* got -1"):
        _evaluate(made_up, spacing={"south": -1})
    with pytest.raises(EvaluationError, match="none of the 1 selected rows of the index has a true lung mask"):
        _evaluate(made_up, sites=["north"], splits=["val"])
    made_up.write_index([*rows, rows[0]])
    with pytest.raises(EvaluationError, match=r"1 images are listed twice, north/images/case 0\.png first"):
        _evaluate(made_up)
    made_up.write_index([rows[0] | {"spacing_y": ""}])
    with pytest.raises(EvaluationError, match=r"case 0\.png: spacing_x and spacing_y .* got 0\.5 and nothing"):
        _evaluate(made_up)
    made_up.write_index(rows)
    shutil.rmtree(made_up.predictions)
    made_up.predictions.mkdir()
    with pytest.raises(EvaluationError, match=r"no image could be compared; north/images/case 0\.png: "):
        _evaluate(made_up)
    (made_up.predictions / "predictions.csv").write_text("file,state\n")
    with pytest.raises(EvaluationError, match="columns image, status and reason are needed, found file, state"):
        _evaluate(made_up)


@pytest.mark.parametrize("option", ["jsrt", "jsrt=", "=0.7", "jsrt=0.7mm", "jsrt=0", "jsrt=nan"])
def test_wrong_pixel_sizes_on_the_command_line(option: str) -> None:
    with pytest.raises(EvaluationError, match="accepted is site=mm or site=x,y"):
        parse_spacing([option])


def test_a_site_may_have_one_pixel_size_only() -> None:
    with pytest.raises(EvaluationError, match="site a is given twice"):
        parse_spacing(["a=1", "a=2"])
    with pytest.raises(EvaluationError, match=r"two \(x, y\), got \[1\.0, 2\.0, 3\.0\]"):
        site_spacing(parse_spacing(["a=1,2,3"]), ["a"])


def test_same_input_same_bytes_and_json_without_nan(made_up: MadeUp, tmp_path) -> None:
    save_mask(made_up.predictions / "south/images/case 1_lungs.png", lungs()[:-1])
    for name in ("first", "second"):
        _evaluate(made_up).save(tmp_path / name)
    names = ["per_image.csv", "summary.csv", "summary.json", "summary.md"]
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    record = json.loads((tmp_path / "first/summary.json").read_text(), parse_constant=pytest.fail)
    assert record["problems"][0]["image"] == "south/images/case 1.png"
    assert record["settings"]["bootstrap_repeats"] == 50
    assert set(record["packages"]) >= {"monai", "numpy", "scipy"}
