"""Figures of the experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from common.evaluation import area_under_curve, bootstrap_mean, paired_areas
from common.evaluation.masks import PER_IMAGE_COLUMNS
from common.federated import FederatedError, FederatedTask
from common.federated.compare import Arm, arms, choose_arms, complete_seeds, prediction_command
from common.federated.comparison import area_difference, dice_difference, mean_area, mean_dice, write_comparison
from common.federated.plan import Plan
from common.io import write_json

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
    assert low < mean < high
    expected = bootstrap_mean([0.8, 0.8, 0.8, 0.95], groups=list("abcd"), limits=(0, 1))
    assert (mean, low, high) == pytest.approx(tuple(expected))
    assert mean_dice(np.full((2, 4), 0.9), list("abcd")) == pytest.approx((0.9, 0.9, 0.9), nan_ok=True)


def test_a_difference_of_dice_is_paired_by_image() -> None:
    dice = np.array([[0.9, 0.8, 0.7, 0.95], [0.7, 0.8, 0.9, 0.95]])
    assert dice_difference(dice + 0.03, dice, list("abcd")) == pytest.approx((0.03, 0.03, 0.03))
    difference, low, high = dice_difference(dice[:1], dice[1:], list("abcd"))
    assert (difference, low) == pytest.approx((0, -high))


def test_arms_differ_in_nothing_but_where_the_radiographs_are(bundles: Path, films: Path, tmp_path: Path) -> None:
    found = list(arms(make_plan(bundles, films, tmp_path), [0, 7]))
    assert [arm.name for arm in found[:4]] == ["federated", "alone_north", "alone_south", "pooled"]
    assert len(found) == 8
    assert found[3].plan.sites == {"pooled": ("north", "south")}
    for arm in found:
        assert (arm.plan.rounds, arm.plan.initial, arm.plan.task.local_epochs) == (3, "none", 1)
        assert arm.plan.task.settings["seed"] == arm.plan.seed
        assert arm.plan.min_clients == len(arm.plan.sites)
        assert arm.plan.keep_rounds
    assert {arm.plan.seed for arm in found[4:]} == {7}
    assert len({arm.plan.output_dir for arm in found}) == 8


def test_predictions_are_made_as_the_network_was_trained(bundles: Path, films: Path, tmp_path: Path) -> None:
    command = prediction_command(next(arms(make_plan(bundles, films, tmp_path), [0])))
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options["--image_size"] == "[32, 32]"
    assert options["--quality_flags"] == "False"
    assert options["--weights"].endswith("federated_seed_0/best.pt")
    assert options["--num_cases"] == "0"
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
        leave_a_run(arm)
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
    text = report.read_text(encoding="utf-8")
    assert "| federated - pooled | north | -0.0200" in text
    assert "0.9150, 0.9350 |" in text
    seeds = pd.read_csv(tmp_path / "seeds.csv")
    assert len(seeds) == 16
    row = seeds[(seeds["arm"] == "pooled") & (seeds["seed"] == 1) & (seeds["test_site"] == "north")].iloc[0]
    assert row["value"] == pytest.approx(0.92 + 0.015 + 0.02)
    assert row["low"] < row["value"] < row["high"]
    runs = pd.read_csv(tmp_path / "runs.csv").set_index(["arm", "seed"]).loc[("alone_south", 1)]
    assert runs[["rounds", "steps", "chosen_round", "validation"]].tolist() == [3, 12, 2, 0.85]


def leave_a_run(arm: Arm) -> None:
    """What a training of three rounds of four steps leaves behind, as far as tables need it."""
    folder = arm.plan.output_dir
    write_json(folder / "federation.json", {"rounds": [{}, {}, {}], "task": {}, "seconds": 7.0})
    write_json(folder / "choice.json", {"best": 1, "rounds": {"0": {"a": 0.1}, "1": {"a": 0.9, "b": 0.8}}})
    for name in arm.plan.sites:
        arm.plan.folder(name).mkdir(parents=True)
        write_json(arm.plan.folder(name) / "rounds.json", [{"steps": 4}])


def test_arms_can_be_trained_one_at_a_time(bundles: Path, films: Path, tmp_path: Path) -> None:
    runs = list(arms(make_plan(bundles, films, tmp_path), [0, 7]))
    assert choose_arms(runs, []) == runs
    assert [run.plan.seed for run in choose_arms(runs, ["pooled"])] == [0, 7]
    one = choose_arms(runs, ["alone_north_seed_7", "federated_seed_0"])
    assert [run.plan.output_dir.name for run in one] == ["federated_seed_0", "alone_north_seed_7"]
    with pytest.raises(FederatedError, match=r"^only: unknown alone_west; there are federated, alone_north, "):
        choose_arms(runs, ["alone_west"])


def test_tables_hold_the_seeds_of_which_all_arms_are_done(bundles: Path, films: Path, tmp_path: Path) -> None:
    runs = list(arms(make_plan(bundles, films, tmp_path), [0, 7]))
    for run in runs[1:]:
        run.predictions.mkdir(parents=True)
        run.mark.write_text("x", encoding="utf-8")
    found = complete_seeds(runs)
    assert list(found) == ["federated", "alone_north", "alone_south", "pooled"]
    assert {run.plan.seed for each in found.values() for run in each} == {7}
    runs[4].mark.unlink()
    assert complete_seeds(runs) == {}
