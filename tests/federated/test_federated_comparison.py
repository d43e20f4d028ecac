"""Figures of the experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from common.evaluation import area_under_curve, paired_areas
from common.evaluation.masks import PER_IMAGE_COLUMNS
from common.federated import FederatedTask
from common.federated.compare import Arm, arms, prediction_command
from common.federated.comparison import area_difference, mean_area, mean_dice, write_comparison
from common.federated.plan import Plan

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 2 == 0
SCORES = LABELS + RNG.normal(scale=1.2, size=(3, 60))
PATIENTS = [str(number) for number in range(60)]


def make_plan(bundles: Path, films: Path, folder: Path) -> Plan:
    task = FederatedTask(
        "lung_seg", ("configs/networks/tiny_unet.yaml",), {"image_size": [32, 32], "weight_decay": 0.1}
    )
    sites = {"north": ("north",), "south": ("south",)}
    return Plan(task, bundles, films, folder, sites, rounds=3, initial="none", min_clients=1)


def test_of_one_seed_the_mean_is_the_area_with_delongs_interval() -> None:
    found = area_under_curve(SCORES[0], LABELS, groups=PATIENTS)
    assert mean_area(SCORES[:1], LABELS, PATIENTS) == pytest.approx((found.estimate, found.low, found.high), abs=1e-12)


def test_of_several_seeds_it_is_the_mean_of_their_areas() -> None:
    mean, low, high = mean_area(SCORES, LABELS, PATIENTS)
    assert mean == pytest.approx(np.mean([roc_auc_score(LABELS, scores) for scores in SCORES]), abs=1e-12)
    assert low < mean < high


def test_copies_of_a_seed_do_not_make_an_interval_narrower() -> None:
    assert mean_area(SCORES[[0, 0, 0]], LABELS, PATIENTS) == pytest.approx(mean_area(SCORES[:1], LABELS, PATIENTS))


def test_the_interval_of_a_difference_is_that_of_paired_areas() -> None:
    difference, low, high = area_difference(SCORES[:1], SCORES[1:2], LABELS, PATIENTS)
    other = paired_areas(SCORES[0], SCORES[1], LABELS, groups=PATIENTS)
    assert difference == pytest.approx(-other.estimate, abs=1e-12)
    assert high - low == pytest.approx(other.high - other.low, rel=1e-6)
    assert area_difference(SCORES, SCORES, LABELS, PATIENTS) == pytest.approx((0, 0, 0), abs=1e-9)


def test_a_perfect_separation_still_has_an_interval() -> None:
    mean, low, high = mean_area(np.stack([LABELS.astype(float)] * 2), LABELS, PATIENTS)
    assert (mean, high) == (1.0, 1.0)
    assert 0.85 < low < 1.0


def test_dice_is_averaged_over_seeds_before_images_are_drawn() -> None:
    dice = np.array([[0.9, 0.8, 0.7, 0.95], [0.7, 0.8, 0.9, 0.95]])
    mean, low, high = mean_dice(dice, list("abcd"))
    assert mean == pytest.approx(dice.mean())
    assert 0.8 <= low < mean < high <= 0.95
    assert mean_dice(np.full((2, 4), 0.9), list("abcd")) == pytest.approx((0.9, 0.9, 0.9), nan_ok=True)


def test_arms_differ_in_nothing_but_where_the_radiographs_are(bundles: Path, films: Path, tmp_path: Path) -> None:
    found = list(arms(make_plan(bundles, films, tmp_path), [0, 7]))
    assert [arm.name for arm in found[:4]] == ["federated", "alone_north", "alone_south", "pooled"]
    assert len(found) == 8
    assert found[3].plan.sites == {"pooled": ("north", "south")}
    for arm in found:
        assert (arm.plan.rounds, arm.plan.initial, arm.plan.task.local_epochs) == (3, "none", 1)
        assert arm.plan.task.settings["seed"] == arm.plan.seed
        assert arm.plan.min_clients == len(arm.plan.sites)
    assert {arm.plan.seed for arm in found[4:]} == {7}
    assert len({arm.plan.output_dir for arm in found}) == 8


def test_predictions_are_made_as_the_network_was_trained(bundles: Path, films: Path, tmp_path: Path) -> None:
    command = prediction_command(next(arms(make_plan(bundles, films, tmp_path), [0])))
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options["--image_size"] == "[32, 32]"
    assert options["--quality_flags"] == "False"
    assert options["--weights"].endswith("federated_seed_0/model.pt")
    assert "tiny_unet.yaml" in options["--config_file"]
    assert "--weight_decay" not in options
    assert "--seed" not in options


def test_tables_of_masks(bundles: Path, films: Path, tmp_path: Path) -> None:
    level = {"federated": 0.9, "alone_north": 0.8, "alone_south": 0.7, "pooled": 0.92}
    by_name: dict[str, list[Arm]] = {}
    for arm in arms(make_plan(bundles, films, tmp_path), [0, 1]):
        rows = [
            dict.fromkeys(PER_IMAGE_COLUMNS, 0)
            | {"stage": "final", "status": "ok", "dataset": site, "image": f"{site}_{number}.png", "unit": "px"}
            | {"patient_id": f"{site}{number}", "dice": level[arm.name] + 0.01 * number + 0.02 * arm.plan.seed}
            for site in ("north", "south")
            for number in range(4)
        ]
        (arm.predictions / "evaluation").mkdir(parents=True)
        pd.DataFrame(rows).to_csv(arm.predictions / "evaluation" / "per_image.csv", index=False)
        by_name.setdefault(arm.name, []).append(arm)
    report = write_comparison(by_name, {"north": ("north",), "south": ("south",)}, tmp_path)
    table = pd.read_csv(tmp_path / "comparison.csv")
    assert len(table) == 8
    row = table[(table["arm"] == "federated") & (table["test_site"] == "south")].iloc[0]
    assert row["mean"] == pytest.approx(0.9 + 0.015 + 0.01)
    assert row["seed_sd"] == pytest.approx(0.02 / np.sqrt(2), abs=1e-6)
    assert (row["images"], row["seeds"], row["metric"]) == (4, 2, "dice")
    paired = pd.read_csv(tmp_path / "differences.csv").set_index(["arm", "test_site"])["difference"]
    assert paired["alone_south", "north"] == pytest.approx(0.2)
    assert paired["pooled", "north"] == pytest.approx(-0.02)
    assert "| federated - pooled | north | -0.0200" in report.read_text(encoding="utf-8")
