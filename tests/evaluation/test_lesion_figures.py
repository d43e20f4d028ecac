"""Figures of outlined lesions, worked out by hand or again by other means."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_lesions import FOUND, TRUTH, make_lesion_run, make_lesions, mask_path, save_probability
from made_up_regions import HEIGHT, WIDTH, MadeUpRegions, picture, save
from scipy.spatial.distance import dice as dice_distance
from scipy.spatial.distance import jaccard as jaccard_distance

from common.evaluation import LesionEvaluation, bootstrap_mean, clopper_pearson, evaluate_lesions
from common.localization import Region, write_regions

PIXELS = WIDTH * HEIGHT


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRegions:
    """See :func:`made_up_lesions.make_lesions`."""
    return make_lesions(tmp_path)


def evaluate(made: MadeUpRegions, run: Path, **options: object) -> LesionEvaluation:
    """Evaluate with few repeats."""
    return evaluate_lesions(run, made.data, **{"repeats": 50, **options})


def row(table: pd.DataFrame, **values: object) -> pd.Series:
    """The one row with these values."""
    chosen = table[np.all([table[name] == value for name, value in values.items()], axis=0)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_single_images(made: MadeUpRegions) -> None:
    table = evaluate(made, make_lesion_run(made)).per_image.set_index("image")
    nothing = np.nan
    columns = ["dice", "iou", "found", "false_positives", "lesions", "area_error", "area_error_relative"]
    columns += ["false_positive_share", "any_false_positive"]
    expected = {
        "a": (1, 1, 1, 0, 1, 0, 0, nothing, nothing),
        # 400 of 800 pixels are found, and 100 too many.
        "b": (800 / 1300, 400 / 900, 0.5, 1, 2, -300 / PIXELS, -300 / 800, nothing, nothing),
        # Half of the lesion lies beside the box, which its IoU of 1 / 3 still finds.
        "c": (0.5, 1 / 3, 1, 0, 1, 0, 0, nothing, nothing),
        "d": (0, 0, nothing, 1, 1, 144 / PIXELS, nothing, 144 / (PIXELS / 2), 1),
        "e": (1, 1, nothing, 0, 0, 0, nothing, nothing, 0),
    }
    for name, figures in expected.items():
        values = table.loc[made.image(name), columns].to_numpy(dtype=np.float64)
        np.testing.assert_allclose(values, figures, atol=1e-12, err_msg=name)
    b = table.loc[made.image("b")]
    assert b[["tp", "fp", "fn", "tn"]].tolist() == [400, 100, 400, PIXELS - 900]
    assert b["miou"] == pytest.approx((400 / 900 + (PIXELS - 900) / (PIXELS - 400)) / 2)
    assert b[["predicted_area", "true_area"]].tolist() == [500 / PIXELS, 800 / PIXELS]
    assert b["area_error_absolute"] == pytest.approx(300 / PIXELS)
    assert table["truth"].tolist() == ["active", "active", "active", "normal", "normal"]
    assert table["lungs"].tolist() == ["", "", "", "mask of the index", "none"]
    assert table.loc[made.image("e"), "miou"] == 1
    assert table.loc[made.image("d"), "miou"] == pytest.approx((PIXELS - 144) / PIXELS / 2)


def test_lesions_and_what_becomes_of_them(made: MadeUpRegions) -> None:
    table = evaluate(made, make_lesion_run(made)).lesions
    assert len(table) == sum(len(lesions) for lesions in FOUND.values())
    b = table[table["image"] == made.image("b")]
    assert b[["score", "iou", "hit_0.7", "outcome"]].to_numpy().tolist() == [
        [0.7, 0, 0, "false positive"],
        [0.6, 1, 1, "hit"],
    ]
    c = row(table, image=made.image("c"))
    assert c[["x", "y", "w", "h", "hit_0.3", "hit_0.4", "outcome"]].tolist() == [20, 10, 20, 20, 1, 0, "hit"]
    assert c["iou"] == pytest.approx(1 / 3)


def test_one_hit_one_miss_and_one_false_positive_make_these_points(made: MadeUpRegions) -> None:
    made.write_index([entry for entry in made.index() if entry["image"] == made.image("b")])
    found = evaluate(made, make_lesion_run(made))
    curve = found.froc_curve
    assert curve[["threshold", "sensitivity", "false_positives"]].to_numpy().tolist() == [[0.7, 0, 1], [0.6, 0.5, 1]]
    table = found.froc.set_index(["figure", "rate"])["estimate"]
    sensitivity = {rate: 0.0 if rate < 1 else 0.5 for rate in (0.125, 0.25, 0.5, 1, 2, 4, 8)}
    assert table["sensitivity"].to_dict() == sensitivity
    assert row(found.froc, figure="mean sensitivity")["estimate"] == pytest.approx(4 * 0.5 / 7)
    assert row(found.froc, figure="sensitivity of all")["estimate"] == 0.5
    assert row(found.froc, figure="false positives")["estimate"] == 1
    # One image tells nothing about how sure this is.
    assert found.froc[["low", "high"]].isna().all(axis=None)
    points = found.precision_recall[found.precision_recall["iou"] == 0.5]
    assert points[["recall", "precision", "best_precision"]].to_numpy().tolist() == [[0, 0, 0.5], [0.5, 0.5, 0.5]]
    precision = row(found.detection, figure="average_precision", iou=0.5)
    assert precision["estimate"] == pytest.approx(0.5 * 0.5)


def test_all_images_together(made: MadeUpRegions) -> None:
    """By falling score the lesions are: false, a, c, false, the hit of b; of five images and four true boxes."""
    found = evaluate(made, make_lesion_run(made))
    table = found.froc[found.froc["figure"] == "sensitivity"].set_index("rate")
    # 5 / 8 of a false positive is none, 5 / 4 are one, 5 / 2 are two.
    expected = {0.125: 0, 0.25: 2 / 4, **dict.fromkeys((0.5, 1.0, 2.0, 4.0, 8.0), 3 / 4)}
    assert table["estimate"].to_dict() == expected
    mean = row(found.froc, figure="mean sensitivity")
    assert mean["estimate"] == pytest.approx(np.mean(list(expected.values())))
    assert mean["low"] <= mean["estimate"] <= mean["high"]
    assert mean[["images", "boxes", "lesions"]].tolist() == [5, 4, 5]
    # c is a hit up to an IoU of 1 / 3; the best precision at or beyond the three hits is 2 / 3, 2 / 3 and 3 / 5.
    by_overlap = found.detection[found.detection["figure"] == "average_precision"].set_index("iou")["estimate"]
    assert by_overlap[0.3] == pytest.approx((2 / 3 + 2 / 3 + 3 / 5) / 4)
    assert by_overlap[0.4] == pytest.approx((1 / 2 + 2 / 5) / 4)


def test_by_centre_the_moved_lesion_is_false_and_a_second_one_counts_for_nothing(made: MadeUpRegions) -> None:
    run = make_lesion_run(made, changes={"a": [((10, 10, 8, 8), 0.3), ((20, 20, 8, 8), 0.9)]})
    found = evaluate(made, run, hit="centre")
    table = found.lesions
    a = table[table["image"] == made.image("a")]
    assert a["outcome"].tolist() == ["hit", "again"]
    assert row(table, image=made.image("c"))["outcome"] == "false positive"
    images = found.per_image.set_index("image")
    assert images.loc[made.image("a"), ["found", "false_positives", "lesions"]].tolist() == [1, 0, 2]
    assert images.loc[made.image("c"), ["found", "false_positives"]].tolist() == [0, 1]
    assert row(found.froc, figure="false positives")["estimate"] == 3 / 5
    assert evaluate(made, run).per_image.set_index("image").loc[made.image("a"), "false_positives"] == 2


@pytest.mark.parametrize("seed", range(2))
def test_overlap_is_that_of_another_implementation(made: MadeUpRegions, seed: int) -> None:
    random = np.random.default_rng(seed)
    run = make_lesion_run(made)
    regions, pairs = {}, {}
    for name in TRUTH:
        mask = random.random((HEIGHT, WIDTH)) < 0.3
        save(mask_path(run, name), mask.astype(np.uint8) * 255)
        boxes = [[*map(int, random.integers(0, 50, 2)), *map(int, random.integers(1, 22, 2))] for _ in range(3)]
        made.change(name, tb="1", boxes=json.dumps([{"label": "active", "xywh": box} for box in boxes]))
        regions[made.image(name)] = [Region((0, 0, WIDTH, HEIGHT), 0.5)]
        pairs[made.image(name)] = (mask.ravel(), picture([(box, 255) for box in boxes]).ravel() > 0)
    write_regions(run / "lesions.json", regions)
    table = evaluate(made, run).per_image.set_index("image")
    for image, (mask, truth) in pairs.items():
        assert table.loc[image, "dice"] == pytest.approx(1 - dice_distance(mask, truth))
        iou, background = 1 - jaccard_distance(mask, truth), 1 - jaccard_distance(~mask, ~truth)
        assert table.loc[image, ["iou", "miou"]].tolist() == pytest.approx([iou, (iou + background) / 2])


def test_summary_by_site_and_class_of_truth(made: MadeUpRegions) -> None:
    made.change("a", boxes='[{"label": "latent", "xywh": [10, 10, 20, 20]}]')
    both = zip(("latent", "active"), TRUTH["b"] or [], strict=True)
    text = json.dumps([{"label": label, "xywh": box} for label, box in both])
    made.change("b", boxes=text, dataset="south")
    made.change("e", tb="1", boxes="[]")
    found = evaluate(made, make_lesion_run(made))
    table = found.summary[found.summary["metric"] == "dice"]
    names = table[["dataset", "images"]].to_numpy().tolist()
    north, south, together = ([kind for site, kind in names if site == wanted] for wanted in ("north", "south", "all"))
    assert north == ["all", "with boxes", "active", "latent", "no boxes", "normal"]
    assert south == ["all", "with boxes"]
    assert together == ["all", "with boxes", "active", "active + latent", "latent", "no boxes", "normal"]
    assert row(table, dataset="all", images="with boxes")["mean"] == pytest.approx((1 + 800 / 1300 + 0.5) / 3)
    assert row(table, dataset="all", images="with boxes")["median"] == pytest.approx(800 / 1300)
    assert row(table, dataset="north", images="all")["mean"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    metrics = found.summary.groupby("images")["metric"].agg(set)
    assert {"found", "false_positive_share", "area_error_relative"}.isdisjoint(metrics["all"])
    assert {"found", "area_error_relative"} <= metrics["with boxes"]
    assert {"false_positive_share", "any_false_positive"} <= metrics["normal"]
    assert "any_false_positive" not in metrics["no boxes"]


def test_intervals_draw_patients_and_the_share_of_normal_images_is_exact(made: MadeUpRegions) -> None:
    made.change("a", patient_id="one")
    made.change("b", patient_id="one")
    found = evaluate(made, make_lesion_run(made), repeats=200, seed=3)
    dice = found.per_image["dice"].to_numpy(dtype=np.float64)
    expected = bootstrap_mean(dice, groups=[0, 0, 1, 2, 3], limits=(0, 1))
    summary = row(found.summary, images="all", metric="dice")
    assert summary[["mean", "mean_low", "mean_high"]].tolist() == pytest.approx(list(expected))
    share = row(found.summary, images="normal", metric="any_false_positive")
    assert share["mean"] == 0.5
    assert share[["mean_low", "mean_high"]].tolist() == pytest.approx([float(end) for end in clopper_pearson(1, 2)])
    assert found.outcomes.loc[0, ["patients", "normal", "normal_without_lungs"]].tolist() == [4, 2, 1]


def test_one_patient_alone_has_no_interval(made: MadeUpRegions) -> None:
    for name in TRUTH:
        made.change(name, patient_id="one")
    found = evaluate(made, make_lesion_run(made))
    assert row(found.summary, images="all", metric="dice")[["mean_low", "mean_high"]].isna().all()
    assert found.froc[["low", "high"]].isna().all(axis=None)


def test_lungs_of_a_network_and_of_a_column(made: MadeUpRegions, tmp_path: Path) -> None:
    run = make_lesion_run(made, changes={"e": [((0, 0, 10, 10), 0.5)]})
    save(tmp_path / "lung_seg" / made.image("e").replace(".png", "_lungs.png"), picture([((0, 0, 40, 10), 255)]))
    share = ["false_positive_share", "lungs"]
    table = evaluate(made, run, lungs_dir=tmp_path / "lung_seg").per_image.set_index("image")
    assert table.loc[made.image("e"), share].tolist() == [0.25, "mask of lung_seg"]
    made.change("e", lung_area_fraction="0.25")
    table = evaluate(made, run).per_image.set_index("image")
    assert table.loc[made.image("e"), share].tolist() == [
        pytest.approx(100 / PIXELS / 0.25),
        "column lung_area_fraction",
    ]


def test_without_lesions_json_the_components_of_the_mask_stand_in(made: MadeUpRegions) -> None:
    run = make_lesion_run(made)
    (run / "lesions.json").unlink()
    probability = picture([(FOUND["b"][0][0], 255)]) / 255 * 0.6
    save_probability(run, "b", probability + 0.2)
    found = evaluate(made, run)
    assert found.warnings == ["no lesions.json was saved; connected components of the masks stand in for it"]
    table = found.lesions
    b = table[table["image"] == made.image("b")]
    assert b[["x", "y", "w", "h"]].to_numpy().tolist() == [[60, 40, 20, 20], [80, 0, 10, 10]]
    assert b["score"].tolist() == pytest.approx([0.8, 0.2], abs=1 / 255)
    assert row(table, image=made.image("a"))[["score", "outcome"]].tolist() == [1, "hit"]


def test_several_processes_find_the_same(made: MadeUpRegions) -> None:
    run = make_lesion_run(made)
    one, two = evaluate(made, run), evaluate(made, run, processes=2)
    pd.testing.assert_frame_equal(one.per_image, two.per_image)
    pd.testing.assert_frame_equal(one.lesions, two.lesions)
