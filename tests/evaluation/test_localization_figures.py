"""Figures of saved maps and regions, worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_regions import FOUND, MadeUpRegions, make_regions, make_run

from common.evaluation import LocalizationEvaluation, evaluate_localization
from common.evaluation.detection_figures import RankedRegions
from common.evaluation.true_boxes import true_boxes
from common.metrics import average_precision, froc, hit_rate

#: Image -> pointing game, share of evidence, Dice, IoU, IoBB, true boxes found at an IoU of 0.3 and of 0.4.
EXPECTED = {
    "a": (1, 255 / (255 + 51), 1, 1, 1, 1, 1),
    # The region is the true box moved by half of its width: 200 of 400 pixels each.
    "b": (0, 0, 0.5, 1 / 3, 0.5, 1, 0),
    # One of two true boxes is found, and 100 pixels too many; two blocks are equally strong, one of them inside.
    "c": (0.5, 0.5, 800 / 1300, 400 / 900, 400 / 500, 0.5, 0.5),
    "d": (np.nan, np.nan, 0, 0, 0, np.nan, np.nan),
    "e": (np.nan, np.nan, 1, 1, 1, np.nan, np.nan),
}
COLUMNS = ["pointing", "evidence_share", "dice", "iou", "iobb", "hit_rate_0.3", "hit_rate_0.4"]


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRegions:
    """See :func:`made_up_regions.make_regions`."""
    return make_regions(tmp_path)


def evaluate(made: MadeUpRegions, *folders: Path) -> LocalizationEvaluation:
    """Evaluate with few repeats."""
    return evaluate_localization({folder.name: folder for folder in folders}, made.data, repeats=50)


def row(table: pd.DataFrame, **values: object) -> pd.Series:
    """The one row with these values."""
    chosen = table[np.all([table[name] == value for name, value in values.items()], axis=0)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_single_images(made: MadeUpRegions) -> None:
    found = evaluate(made, make_run(made))
    table = found.per_image.set_index("image")
    for name, figures in EXPECTED.items():
        values = table.loc[made.image(name), COLUMNS].to_numpy(dtype=np.float64)
        np.testing.assert_allclose(values, figures, atol=1e-7, err_msg=name)
        assert table.loc[made.image(name), "regions"] == len(FOUND[name])
    assert table.loc[made.image("d"), "region_area"] == pytest.approx(144 / (96 * 72))
    assert table.loc[made.image("f"), ["status", "reason"]].tolist() == ["no truth", "the index has no boxes"]
    assert len(found.problems) == 0


def test_regions_and_the_boxes_that_they_find(made: MadeUpRegions) -> None:
    table = evaluate(made, make_run(made)).regions
    moved = row(table, image=made.image("b"))
    assert moved[["x", "y", "w", "h", "score"]].tolist() == [20, 10, 20, 20, 0.8]
    assert moved["iou"] == pytest.approx(1 / 3)
    assert moved[["hit_0.3", "hit_0.4"]].tolist() == [1, 0]
    assert row(table, image=made.image("d"))["iou"] == 0


def test_images_without_boxes_count_as_the_metrics_say(made: MadeUpRegions) -> None:
    summary = evaluate(made, make_run(made)).summary
    dice = [EXPECTED[name][2] for name in "abcde"]
    for kind, expected in (("all", dice), ("with boxes", dice[:3]), ("without boxes", dice[3:])):
        found = row(summary, images=kind, metric="dice")
        assert found["n"] == len(expected)
        assert found["mean"] == pytest.approx(np.mean(expected))
        assert found["median"] == pytest.approx(np.median(expected))
        assert found["mean_low"] <= found["mean"] <= found["mean_high"]
    assert row(summary, images="with boxes", metric="pointing")["mean"] == pytest.approx(0.5)
    assert not ((summary["metric"] == "pointing") & (summary["images"] != "with boxes")).any()
    assert row(summary, images="without boxes", metric="regions")["mean"] == 0.5


def test_figures_of_all_regions_together(made: MadeUpRegions) -> None:
    """By falling score the regions are: false, a, b, one of c, false; b is a hit up to an IoU of 1 / 3.

    The best precision at or beyond the hits is 3/4 with b, and 2/4 without.
    """
    table = evaluate(made, make_run(made)).detection
    assert set(table["boxes"]) == {4}
    assert set(table["regions"]) == {5}
    assert set(table["images"]) == {5}
    for figure, values in {"hit_rate": (3 / 4, 1 / 2), "average_precision": (9 / 16, 1 / 4)}.items():
        for iou, value in zip((0.3, 0.4), values, strict=True):
            assert row(table, figure=figure, iou=iou)["estimate"] == pytest.approx(value)
    curve = table[(table["figure"] == "froc") & (table["iou"] == 0.1)].set_index("rate")["estimate"]
    # Of five images, a quarter of a false positive an image permits one, half of one permits two.
    assert curve.to_dict() == pytest.approx({0.125: 0, 0.25: 3 / 4, 0.5: 3 / 4, 1: 3 / 4, 2: 3 / 4, 4: 3 / 4, 8: 3 / 4})
    assert (table["low"].isna() | (table["low"] <= table["estimate"])).all()


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_repetitions_of_images(seed: int) -> None:
    """Drawing an image three times is the same as a data set that holds it three times."""
    random = np.random.default_rng(seed)
    images, count = 6, 25
    truths, owners = random.integers(0, 4, images), random.integers(0, images, count)
    scores, hits = random.integers(0, 8, count) / 8, random.random((2, count)) < 0.4
    weights = random.integers(0, 4, images)
    rates = (0.25, 1.0, 3.0)
    found = RankedRegions(scores, hits, owners, truths).figures(weights.astype(float), rates)
    again = np.repeat(np.arange(count), weights[owners])
    total = int(truths @ weights)
    for values, hit in zip(found, hits[:, again], strict=True):
        expected = [hit_rate(hit, total), average_precision(scores[again], hit, total)]
        expected += list(froc(scores[again], hit, total, int(weights.sum()), rates))
        np.testing.assert_allclose(values, expected)


def test_nothing_found_and_nothing_to_find() -> None:
    none = np.empty(0)
    nothing = RankedRegions(none, np.empty((1, 0), dtype=bool), none.astype(np.intp), [2, 0])
    np.testing.assert_array_equal(nothing.figures(np.array([1.0, 1.0]), (1.0,)), [[0, 0, 0]])
    assert np.isnan(nothing.figures(np.array([0.0, 2.0]), (1.0,))).all()


def test_runs_are_paired_with_the_first(made: MadeUpRegions) -> None:
    first, second = make_run(made), make_run(made, "better")
    made.localise(second, "b", [((10, 10, 20, 20), 255)], [((10, 10, 20, 20), 0.8)])
    (second / made.image("e").replace(".png", "_regions.png")).unlink()
    found = evaluate(made, first, second)
    dice = row(found.paired, metric="dice")
    assert dice[["baseline", "run", "n", "better", "equal", "worse"]].tolist() == ["run", "better", 4, 1, 3, 0]
    assert dice["mean_difference"] == pytest.approx(0.5 / 4)
    pointing = row(found.paired, metric="pointing")
    assert pointing["n"] == 3
    assert pointing["mean_difference"] == pytest.approx(1 / 3)
    assert found.paired["p_adjusted"].between(found.paired["p_wilcoxon"], 1).all()
    assert found.problems[["run", "image", "status"]].to_numpy().tolist() == [["better", made.image("e"), "failed"]]


def test_bootstrap_draws_patients(made: MadeUpRegions) -> None:
    """Two images of one patient are one draw: with one patient there is no interval."""
    for name in "abcde":
        made.change(name, patient_id="one")
    found = evaluate(made, make_run(made))
    assert found.outcomes.loc[0, "patients"] == 1
    assert row(found.summary, images="all", metric="dice")[["mean_low", "mean_high"]].isna().all()
    assert found.detection[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1, 2, 3, 4]]", "cannot be read"),
        ('[{"xywh": [1, 2, 3]}]', "cannot be read"),
        ("nothing", "cannot be read"),
        ('[{"xywh": [1, 2, 0, 4]}]', r"box \[1, 2, 0, 4\] has no place"),
        ('[{"xywh": [1, 2, 3, 4]}, {"xywh": [90, 2, 10, 4]}]', "has no place in the image of 96 x 72 pixels"),
        ('[{"xywh": [2, 60, 4, 15]}]', "has no place"),
    ],
)
def test_wrong_boxes_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        true_boxes(text, (96, 72))


def test_boxes_are_read_as_they_stand() -> None:
    assert true_boxes("[]", (96, 72)).shape == (0, 4)
    boxes = json.dumps([{"label": "latent", "xywh": [76.5, 0, 20, 72]}])
    # Half a pixel beyond the edge is rounding.
    assert true_boxes(boxes, (96, 72)).tolist() == [[76.5, 0, 20, 72]]
