"""Choosing method and region rule on saved maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from made_up_regions import HEIGHT, WIDTH, MadeUpRegions, save
from scipy import ndimage

from common.evaluation import RegionChoice, choose_regions
from common.evaluation.__main__ import main
from common.evaluation.region_choice_result import ANYWHERE, AS_SAVED, IN_LUNGS
from common.evaluation.region_sweep import RULES, SWEPT_FIGURES, sweep
from common.localization import FindRegions, fill_boxes
from common.metrics import confusion_counts, dice_from_counts

TRUTH = (30, 20, 20, 24)
#: The true box at 0.62 of the maximum, its core at the maximum, more around it at 0.33.
GOOD = [((36, 28, 8, 8), 255), (TRUTH, 158), ((20, 10, 50, 44), 84)]
#: The same two columns of pixels beside it.
SHIFTED = [((x + 2, y, w, h), value) for (x, y, w, h), value in GOOD]


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRegions:
    """Three images of the split val and one of the split test, all with the box :data:`TRUTH`."""
    made = MadeUpRegions(tmp_path / "data")
    for name, split in (("a", "val"), ("b", "val"), ("c", "val"), ("t", "test")):
        made.add_image(name, [TRUTH], det_split=split)
    return made


def run_with(made: MadeUpRegions, folder: str, blocks: list, **settings: object) -> Path:
    """A run with the same map on every image, and one saved region apart from the truth."""
    run = made.run(folder, **settings)
    for name in "abct":
        made.localise(run, name, blocks, [((0, 0, 8, 8), 0.5)])
    return run


def choose(made: MadeUpRegions, *runs: Path, **options: object) -> RegionChoice:
    """Choose with few repeats."""
    return choose_regions({run.name: run for run in runs}, made.data, repeats=20, **options)


def test_the_rule_that_outlines_the_truth_is_chosen(made: MadeUpRegions) -> None:
    shifted = run_with(made, "shifted", SHIFTED, method="saliency")
    good = run_with(made, "good", GOOD, method="grad_cam", layer="features.8")
    choice = choose(made, shifted, good)
    best = choice.best
    assert best[["run", "method", "layer", "region_rule", "where"]].tolist() == [
        *("good", "grad_cam", "features.8", "fraction", ANYWHERE)
    ]
    # From 84 / 255 up to 158 / 255 of the maximum the true box is outlined; the first of equals is taken.
    assert (best["region_value"], best["dice"], best["regions"], best["pointing"]) == (0.35, 1, 1, 1)
    assert choice.dice.estimate == 1
    assert choice.images == 3
    table = choice.table.set_index(["run", "where", "region_rule", "region_value", "min_region_area"])
    assert len(table) == 2 * (len(RULES) + 1)
    overlap = 18 * 24
    assert table.loc[("shifted", ANYWHERE, "fraction", 0.5, 0.0), "iou"] == pytest.approx(overlap / (960 - overlap))
    assert table.loc[("good", ANYWHERE, "fraction", 0.7, 0.005), "iobb"] == 1
    assert table.loc[("good", ANYWHERE, "fraction", 0.7, 0.02), "regions"] == 0  # 64 of 6912 pixels
    assert table.loc[("good", ANYWHERE, "fraction", 0.3, 0.0), "dice"] == pytest.approx(2 * 480 / (480 + 2200))
    saved = choice.table[choice.table["where"] == AS_SAVED]
    assert saved["dice"].tolist() == [0, 0]
    assert saved["region_value"].tolist() == [0.5, 0.5]


def test_the_overlay_sets_what_localisation_knows(made: MadeUpRegions, tmp_path: Path) -> None:
    good = run_with(made, "good", GOOD, method="grad_cam", layer="features.8")
    output, table = tmp_path / "new/choice.yaml", tmp_path / "new/all.csv"
    options = ["--index", str(made.data), "--output", str(output), "--table", str(table), "--repeats", "20"]
    assert main(["choose-regions", str(good), *options]) == 0
    overlay = yaml.safe_load(output.read_text())
    assert overlay == {
        **{"method": "grad_cam", "layer": "features.8", "region_rule": "fraction", "region_value": 0.35},
        "min_region_area": 0.0,
    }
    localize = Path(__file__).parents[2] / "bundles/tb_cls/configs/localize.yaml"
    assert set(overlay) <= set(yaml.safe_load(localize.read_text()))
    assert "on 3 images (all sites; det_split: val), of 160 tried" in output.read_text()
    assert "ab" * 32 in output.read_text()
    assert len(pd.read_csv(table)) == 161
    FindRegions(overlay["region_rule"], overlay["region_value"], overlay["min_region_area"])


def test_otsu_needs_no_value_in_the_overlay(made: MadeUpRegions) -> None:
    choice = choose(made, run_with(made, "good", GOOD))
    otsu = choice.table[choice.table["region_rule"] == "otsu"].iloc[0]
    overlay = RegionChoice(**(choice.__dict__ | {"best": otsu})).overlay()
    assert yaml.safe_load(overlay)["region_value"] is None


def test_test_images_never_enter(made: MadeUpRegions, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = run_with(made, "good", GOOD)
    before = choose(made, good)
    made.localise(good, "t", SHIFTED, [])
    pd.testing.assert_frame_equal(choose(made, good).table, before.table)
    for splits in (["test"], ["val", "test"]):
        output = tmp_path / "choice.yaml"
        options = ["--index", str(made.data), "--output", str(output), "--splits", *splits]
        assert main(["choose-regions", str(good), *options]) == 1
        assert capsys.readouterr().err.startswith("error: splits test: regions are chosen on validation images, never")
        assert not output.exists()


def test_regions_outside_known_lungs_are_dropped(made: MadeUpRegions, tmp_path: Path) -> None:
    """A second block of evidence lies outside the lungs; the mask comes from the index or from lung_seg."""
    outside = ((80, 0, 10, 10), 255)
    run = run_with(made, "run", [*GOOD, outside])
    lungs = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    lungs[15:60, 20:60] = 255
    for name in "ab":
        save(made.data / f"lungs/{name}.png", lungs)
        made.change(name, lung_mask=f"lungs/{name}.png")
    partly = choose(made, run)
    assert "1 of 3 images have no lung mask" in partly.warnings[0]
    save(tmp_path / "lung_seg" / made.image("c").replace(".png", "_lungs.png"), lungs)
    choice = choose(made, run, lungs_dir=tmp_path / "lung_seg")
    assert choice.warnings == []
    assert (choice.best["where"], choice.best["dice"], choice.best["regions"]) == (IN_LUNGS, 1, 1)
    rule = {"region_rule": "fraction", "region_value": 0.35, "min_region_area": 0.0}
    table = choice.table.set_index(["where", *rule])
    anywhere = table.loc[(ANYWHERE, *rule.values())]
    assert (anywhere["dice"], anywhere["regions"]) == (pytest.approx(2 * 480 / (2 * 480 + 100)), 2)
    of_partly = partly.table.set_index(["where", *rule]).loc[(IN_LUNGS, *rule.values())]
    assert of_partly["dice"] == pytest.approx((2 + anywhere["dice"]) / 3)


def test_a_run_on_whole_images_is_judged_without_lungs(made: MadeUpRegions) -> None:
    run = run_with(made, "run", GOOD, lung_crop=False)
    for name in "abc":
        save(made.data / f"lungs/{name}.png", np.full((HEIGHT, WIDTH), 255, dtype=np.uint8))
        made.change(name, lung_mask=f"lungs/{name}.png")
    assert choose(made, run).best["where"] == ANYWHERE


@pytest.mark.parametrize("with_lungs", [False, True])
def test_the_sweep_finds_what_inference_finds(with_lungs: bool) -> None:
    random = np.random.default_rng(3)
    evidence = ndimage.gaussian_filter(random.random((WIDTH, HEIGHT)), 4).astype(np.float32)
    evidence = (evidence - evidence.min()) / np.ptp(evidence)
    lungs = np.zeros((WIDTH, HEIGHT), dtype=bool)
    lungs[20:40, 10:60] = True
    truth = np.array([[25.0, 15.0, 20.0, 30.0]])
    filled = fill_boxes(truth.tolist(), evidence.shape)
    figures = sweep(evidence, truth, lungs if with_lungs else None)
    for rule, values in zip(RULES, figures, strict=True):
        regions = FindRegions(*rule)(evidence[None], lungs=lungs[None] if with_lungs else None)
        counts = confusion_counts(fill_boxes([region.box for region in regions], evidence.shape), filled)
        found = dict(zip(SWEPT_FIGURES, values, strict=True))
        assert found["regions"] == len(regions), rule
        assert found["dice"] == pytest.approx(float(dice_from_counts(*counts[:3]))), rule


def test_all_runs_are_judged_on_the_same_images(made: MadeUpRegions, capsys: pytest.CaptureFixture[str]) -> None:
    good, other = run_with(made, "good", GOOD), run_with(made, "other", SHIFTED)
    (other / made.image("a").replace(".png", "_evidence.png")).unlink()
    made.add_image("d", None)
    made.change("b", lung_mask="none.png")
    output = made.data.parent / "choice.yaml"
    options = ["--index", str(made.data), "--output", str(output), "--repeats", "20"]
    assert main(["choose-regions", str(good), str(other), *options]) == 3
    printed = capsys.readouterr()
    assert "Means over 1 images" in printed.out
    lines = [line for line in printed.err.splitlines() if not line.startswith("warning")]
    assert [line.split(": ")[:2] for line in lines] == [
        *(["failed (good)", made.image("b")], ["no truth (good)", made.image("d")]),
        *(["failed (other)", made.image("a")], ["failed (other)", made.image("b")]),
        ["no truth (other)", made.image("d")],
    ]


def test_a_run_must_tell_its_method(made: MadeUpRegions, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_with(made, "run", GOOD)
    (run / "run.json").write_text('{"settings": {}}')
    options = ["--index", str(made.data), "--output", str(made.data.parent / "choice.yaml")]
    assert main(["choose-regions", str(run), *options]) == 1
    assert "run.json: does not tell the evidence method" in capsys.readouterr().err
    assert main(["choose-regions", str(run_with(made, "new", GOOD)), *options, "--lungs", "/nowhere"]) == 1
    assert "/nowhere: no such folder of lung masks" in capsys.readouterr().err
