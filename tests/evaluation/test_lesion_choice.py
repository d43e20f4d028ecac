"""Choosing threshold and least area of lesions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from made_up_lesions import make_lesion_run, make_lesions, save_probability
from made_up_regions import HEIGHT, WIDTH, MadeUpRegions

from common.evaluation.__main__ import main
from common.evaluation.errors import EvaluationError
from common.evaluation.lesion_choice import choose_lesions

LISTS = {"det_split": ["val"]}


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRegions:
    """Images a to e of the list val."""
    made = make_lesions(tmp_path)
    for name in "abcde":
        made.change(name, det_split="val")
    return made


def blocks(*values: tuple[tuple[int, int, int, int], float]) -> np.ndarray:
    probability = np.zeros((HEIGHT, WIDTH))
    for (x, y, w, h), value in values:
        probability[y : y + h, x : x + w] = np.maximum(probability[y : y + h, x : x + w], value)
    return probability


@pytest.fixture
def run(made: MadeUpRegions) -> Path:
    """True boxes at 0.7 in a broad halo of 0.4, and on the normal image d a large spot of 0.5."""
    folder = make_lesion_run(made)
    box, second = (10, 10, 20, 20), (60, 40, 20, 20)
    halo = ((5, 5, 30, 30), 0.4)
    for name in "ac":
        save_probability(folder, name, blocks(halo, (box, 0.7)))
    save_probability(folder, "b", blocks((box, 0.7), (second, 0.7)))
    save_probability(folder, "d", blocks(((0, 0, 40, 40), 0.5)))
    save_probability(folder, "e", blocks())
    return folder


def test_the_rule_with_the_best_dice_and_little_false_area_is_chosen(made: MadeUpRegions, run: Path) -> None:
    choice = choose_lesions([run], made.data, lists=LISTS, repeats=50)
    assert (choice.images, choice.normals) == (3, 2)
    assert choice.dice.estimate == 1.0
    # Above the spot of 0.5 and the halo of 0.4, below the lesions of 0.7.
    assert 0.5 < choice.best["threshold"] <= 0.7
    assert choice.best["false_area"] == 0
    rows = choice.table.set_index(["threshold", "min_lesion_area"])
    # Below the halo: 400 of 900 pixels are right on a and c, all on b.
    assert rows.loc[(0.3, 0.0), "dice"] == pytest.approx((2 * 2 * 400 / 1300 + 1) / 3)
    # The spot on d takes 1,600 of the 48 x 72 pixels of the lungs; on e nothing was found.
    assert rows.loc[(0.45, 0.0), "false_area"] == pytest.approx(1600 / (48 * 72) / 2)
    assert rows.loc[(0.45, 0.0), "normals_with_lesions"] == 0.5
    # A box takes 5.8 % of the image: larger than every least area that is tried.
    assert rows.loc[(0.6, 0.02), "lesions"] == pytest.approx(4 / 3)


def test_the_overlay_sets_the_knobs_of_inference(
    made: MadeUpRegions, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, table = tmp_path / "out" / "chosen.yaml", tmp_path / "out" / "tried.csv"
    given = ["choose-lesions", str(run), "--index", str(made.data), "--output", str(output), "--table", str(table)]
    assert main([*given, "--repeats", "50", "--processes", "1"]) == 0
    overlay = yaml.safe_load(output.read_text(encoding="utf-8"))
    assert set(overlay) == {"threshold", "min_lesion_area"}
    assert 0.5 < overlay["threshold"] <= 0.7
    assert "ab" * 32 in output.read_text(encoding="utf-8")
    assert "false area on normal images 0.0000 of the lungs" in capsys.readouterr().out
    assert len(table.read_text(encoding="utf-8").splitlines()) == 1 + 19 * 6


def test_test_images_are_never_chosen_on(made: MadeUpRegions, run: Path) -> None:
    with pytest.raises(EvaluationError, match="never on those of test"):
        choose_lesions([run], made.data, lists={"cls_split": ["test"]})


def test_a_limit_that_no_rule_keeps_is_an_error(made: MadeUpRegions, run: Path) -> None:
    save_probability(run, "d", blocks(((0, 0, 48, 72), 1.0)))
    with pytest.raises(EvaluationError, match=r"every rule finds more than 0\.1 of the lungs"):
        choose_lesions([run], made.data, lists=LISTS, max_false_area=0.1)


def test_an_image_without_its_map_is_listed(made: MadeUpRegions, run: Path) -> None:
    (run / "north/images/c_tb_probability.png").unlink()
    choice = choose_lesions([run], made.data, lists=LISTS, repeats=50)
    assert choice.images == 2
    assert list(choice.left_out["status"]) == ["failed"]
    assert "c_tb_probability.png" in choice.left_out["reason"].iloc[0]


def test_runs_of_different_weights_are_refused(made: MadeUpRegions, run: Path) -> None:
    other = make_lesion_run(made, "other")
    (other / "run.json").write_text('{"bundle": "tb_seg", "weights_sha256": "cd"}')
    with pytest.raises(EvaluationError, match="runs of different weights"):
        choose_lesions([run, other], made.data, lists=LISTS)
