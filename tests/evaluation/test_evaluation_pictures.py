"""Which cases are drawn, and what the pictures show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_masks import MadeUp, lungs
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from common.data import read_index
from common.evaluation import LUNGS, choose_cases, distribution_chart, draw_cases, evaluate_lungs
from common.evaluation.cases import FALSE_NEGATIVE, FALSE_POSITIVE, draw_case


def _table(scores: list[float]) -> pd.DataFrame:
    rows = {"stage": "final", "status": "ok", "dataset": "a", "dice": scores, "hd95": 1.0}
    return pd.DataFrame(rows | {"image": [f"{number}.png" for number in range(len(scores))]})


def _chosen(table: pd.DataFrame, count: int) -> dict[str, list[str]]:
    cases = choose_cases(table, count)
    return {kind: rows["image"].tolist() for kind, rows in cases.groupby("kind")}


def test_best_median_and_worst_of_a_site() -> None:
    chosen = _chosen(_table([0.5, 0.9, 0.1, 0.7, 0.3, 0.8, 0.2]), 2)
    assert chosen == {
        "worst": ["2.png", "6.png"],
        "best": ["1.png", "5.png"],
        "median": ["0.png", "4.png"],
    }


def test_a_small_site_shows_each_image_once() -> None:
    assert _chosen(_table([0.9, 0.1]), 3) == {"worst": ["1.png", "0.png"]}
    assert _chosen(_table([0.9, 0.1, 0.5]), 1) == {"worst": ["1.png"], "best": ["0.png"], "median": ["2.png"]}


def test_only_compared_final_masks_are_chosen_and_the_longer_distance_is_worse() -> None:
    table = _table([0.5, 0.5, 0.0, 0.0]).assign(
        status=["ok", "ok", "missing", "ok"], stage=["final", "final", "final", "raw"], hd95=[3.0, 9.0, 0.0, 0.0]
    )
    assert _chosen(table, 1) == {"worst": ["1.png"], "best": ["0.png"]}


def _draw(made_up: MadeUp, folder: Path, count: int = 1) -> list[str]:
    evaluation = evaluate_lungs(made_up.predictions, made_up.data, repeats=20)
    paths = draw_cases(
        evaluation.per_image,
        read_index(made_up.data),
        task=LUNGS,
        predictions_dir=made_up.predictions,
        dataset_dir=made_up.data,
        output_dir=folder,
        count=count,
    )
    assert sorted(paths) == sorted(folder.glob("*.png"))
    return sorted(path.name for path in paths)


def test_pictures_are_named_after_site_kind_and_image(made_up: MadeUp, tmp_path: Path) -> None:
    assert _draw(made_up, tmp_path / "cases") == [
        "north_best_1_case-0.png",
        "north_median_1_case-1.png",
        "north_worst_1_case-2.png",
        "south_best_1_case-0.png",
        "south_median_1_case-2.png",
        "south_worst_1_case-3.png",
    ]


def test_pictures_of_an_earlier_run_do_not_stay(made_up: MadeUp, tmp_path: Path) -> None:
    _draw(made_up, tmp_path / "cases", count=2)
    made_up.predict("south/images/case 0.png", np.zeros_like(lungs()))
    assert "south_worst_1_case-0.png" in _draw(made_up, tmp_path / "cases")


def test_a_missing_radiograph_is_black_and_said(
    made_up: MadeUp, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (made_up.data / "south/images/case 3.png").unlink()
    assert "south_worst_1_case-3.png" in _draw(made_up, tmp_path / "cases")
    assert "no radiograph behind the masks" in caplog.text


def _case(**changes) -> pd.Series:
    values = {"image": "a/b.png", "dataset": "a", "kind": "worst", "rank": 1, "unit": "px"}
    figures = {"dice": 0.9, "iou": 0.8, "hd95": 7.0, "assd": 2.0, "tp": 90, "fp": 4, "fn": 10}
    return pd.Series(values | figures | changes)


def _panels(figure: Figure) -> dict[str, np.ndarray]:
    return {axes.get_title(): np.asarray(axes.images[0].get_array()) for axes in figure.axes}


def test_the_difference_is_coloured_where_it_is() -> None:
    truth, prediction = lungs(right=False), lungs(left=False)
    panels = _panels(draw_case(np.zeros(truth.shape, dtype=np.float32), truth, prediction, _case()))
    assert list(panels) == ["radiograph", "truth", "prediction", "difference"]
    difference = panels["difference"] / 0.7
    assert np.allclose(difference[30, 20], to_rgb(FALSE_POSITIVE), atol=1e-5)
    assert np.allclose(difference[30, 60], to_rgb(FALSE_NEGATIVE), atol=1e-5)
    assert not difference[5, 5].any()
    assert panels["truth"][30, 60].any()
    assert not panels["truth"][30, 20].any()


def test_title_and_legend_say_name_figures_and_areas() -> None:
    figure = draw_case(np.eye(72, 96, dtype=np.float32), lungs(), lungs(), _case())
    assert figure.get_suptitle() == "a/b.png   (worst 1 of a)\nDice 0.9000   IoU 0.8000   HD95 7.00 px   ASSD 2.00 px"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["false positive: 4 px, 4.0% of the truth", "false negative: 10 px, 10.0% of the truth"]


def test_squashed_pictures_get_their_proportions_back() -> None:
    figure = draw_case(
        np.eye(72, 96, dtype=np.float32), lungs(), lungs(), _case(unit="mm", spacing_x=0.5, spacing_y=1.0)
    )
    assert {axes.get_aspect() for axes in figure.axes} == {2.0}


def test_large_pictures_are_thinned_out() -> None:
    mask = np.zeros((3000, 2500), dtype=bool)
    mask[1000:2000, 1000:2000] = True
    panels = _panels(draw_case(mask.astype(np.float32), mask, mask, _case()))
    assert panels["radiograph"].shape == (1000, 834, 3)


def test_chart_has_every_site_and_says_what_lies_beyond_its_axes(made_up: MadeUp) -> None:
    per_image = evaluate_lungs(made_up.predictions, made_up.data, repeats=20).per_image
    many = pd.concat([per_image] * 5)
    lost = many.iloc[[4]].assign(dice=0.0, iou=0.0, hd95=900.0, assd=900.0)
    figure = distribution_chart(pd.concat([many, lost]))
    assert [axes.get_title().split(" (")[0] for axes in figure.axes] == ["Dice", "IoU", "HD95", "ASSD"]
    ticks = [[label.get_text() for label in axes.get_xticklabels()] for axes in figure.axes]
    assert ticks[0] == ["north", "south"]
    assert ticks[2] == ["north\n[mm]", "south\n[px]"]
    assert figure.axes[0].get_ylim()[0] > 0.5
    assert figure.axes[2].get_ylim()[1] < 100
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [["1"]] * 4
