"""Means, medians, intervals and pooled figures by site."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_up_masks import MadeUp

from common.evaluation import bootstrap_mean, evaluate_lungs, summarize
from common.evaluation.summary import by_site
from common.evaluation.tables import markdown_table


@pytest.fixture
def per_image(made_up: MadeUp) -> pd.DataFrame:
    return evaluate_lungs(made_up.predictions, made_up.data, tolerance=1).per_image


def _row(summary: pd.DataFrame, dataset: str, metric: str, unit: str = "") -> pd.Series:
    chosen = (summary["dataset"] == dataset) & (summary["metric"] == metric) & (summary["unit"] == unit)
    return summary[chosen].squeeze(axis=0)


def test_statistics_of_a_site_are_those_of_its_images(per_image: pd.DataFrame) -> None:
    south = per_image[per_image["dataset"] == "south"]
    row = _row(summarize(per_image), "south", "dice")
    assert row["n"] == 4
    assert row["mean"] == pytest.approx(south["dice"].mean())
    assert row["median"] == pytest.approx(south["dice"].median())
    assert (row["min"], row["max"]) == (south["dice"].min(), 1)
    assert row["std"] == pytest.approx(south["dice"].std())
    counts = south[["tp", "fp", "fn"]].sum()
    assert row["pooled"] == pytest.approx(2 * counts["tp"] / (2 * counts["tp"] + counts["fp"] + counts["fn"]))


def test_patients_are_drawn_as_one(per_image: pd.DataFrame) -> None:
    # Images 0 and 1 of south belong to one patient; images 2 and 3 name none and stand for themselves.
    values = per_image.loc[per_image["dataset"] == "south", "iou"]
    expected = bootstrap_mean(values, groups=["p", "p", "2", "3"], limits=(0, 1))
    row = _row(summarize(per_image), "south", "iou")
    assert (row["mean_low"], row["mean_high"]) == pytest.approx((expected.low, expected.high))
    alone = bootstrap_mean(values, limits=(0, 1))
    assert (row["mean_low"], row["mean_high"]) != pytest.approx((alone.low, alone.high))


def test_patients_of_two_sites_are_not_confused(per_image: pd.DataFrame) -> None:
    same_names = summarize(per_image.assign(patient_id="1"))
    assert np.isnan(_row(same_names, "south", "dice")["mean_low"])  # one patient gives no interval
    assert _row(same_names, "all", "dice")["mean_low"] < _row(same_names, "all", "dice")["mean_high"]


def test_all_sites_together_count_every_image_once(per_image: pd.DataFrame) -> None:
    assert _row(summarize(per_image), "all", "miou")["n"] == 7
    assert "all" not in set(summarize(per_image[per_image["dataset"] == "south"])["dataset"])


def test_millimetres_and_pixels_are_never_averaged_together(per_image: pd.DataFrame) -> None:
    summary = summarize(per_image)
    assert _row(summary, "all", "hd", "mm")["mean"] == pytest.approx((0 + 0.5 + 1) / 3)
    assert _row(summary, "all", "hd", "px")["mean"] == pytest.approx((0 + 1 + 2 + 3) / 4)
    assert _row(summary, "all", "surface_dice", "mm")["n"] == 3
    assert np.isnan(_row(summary, "all", "hd", "mm")["pooled"])


def test_tables_say_the_unit_and_the_number_of_images(made_up: MadeUp) -> None:
    text = evaluate_lungs(made_up.predictions, made_up.data, repeats=20).markdown()
    lines = [line for line in text.splitlines() if line.startswith("| all |")]
    assert "mm (3 images in mm); " in lines[0]
    assert "px (4 images in px)" in lines[0]
    assert any(line.startswith("| north | as delivered | 0 | 0 | 1 |") for line in text.splitlines())
    assert "surface Dice" not in text


def test_sites_keep_the_order_of_the_index(per_image: pd.DataFrame) -> None:
    assert [site for site, _, _ in by_site(per_image[::-1])] == ["south", "north", "all"]


def test_a_bar_in_a_name_does_not_break_the_table() -> None:
    lines = markdown_table(["run", "Dice"], [["a|b", "0.9"]]).splitlines()
    assert lines == ["| run | Dice |", "| --- | ---: |", "| a\\|b | 0.9 |"]
