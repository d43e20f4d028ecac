"""Bad images and empty seeds are reported and left out; impossible requests are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from common.errors import UsageError
from common.weak import PseudoLabels, StageError

Build = Callable[..., PseudoLabels]


def test_one_bad_image_stops_nothing(
    pseudo_labels: Build, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "films" / "1.png").write_bytes(b"no picture")
    (data / "films" / "2.png").unlink()
    stages = pseudo_labels()
    stages.run()

    with pytest.raises(SystemExit) as stop:
        stages.exit()

    assert stop.value.code == 3
    said = capsys.readouterr().out
    assert "seeds: refused: films/1.png: not an image of an accepted format" in said
    assert "masks: refused: films/2.png: no such file" in said
    table = pd.read_csv(tmp_path / "out" / "masks" / "index.csv")
    assert table["image"].tolist() == [f"films/{number}.png" for number in (0, 3, 4, 5)]
    assert len(list((tmp_path / "out" / "masks").rglob("*_tb.png"))) == 4
    # The account of a finished run still says so.
    pseudo_labels().run()
    with pytest.raises(SystemExit):
        pseudo_labels().exit()


def test_empty_seeds_are_reported_and_left_out(
    pseudo_labels: Build, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = np.random.default_rng(1).normal(128, 2, (120, 100)).round().astype(np.uint8)
    Image.fromarray(grey).save(data / "films" / "3.png")  # labelled, and nothing to be seen
    stages = pseudo_labels()
    stages.run()
    stages.exit()

    assert "seeds: empty: films/3.png: no evidence of its class" in capsys.readouterr().out
    assert "films/3.png" not in pd.read_csv(tmp_path / "out" / "masks" / "index.csv")["image"].tolist()

    for number in (0, 1, 5):
        Image.fromarray(grey).save(data / "films" / f"{number}.png")
    with pytest.raises(StageError, match="no evidence in any image; nothing to make seeds from"):
        pseudo_labels("nothing").run()


def test_an_image_changed_between_two_stages_is_reported(
    pseudo_labels: Build, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pseudo_labels(run=["seeds", "crf", "irnet"]).run()
    evidence = tmp_path / "out" / "seeds" / "films" / "0_evidence.npz"
    evidence.write_bytes(evidence.read_bytes()[:100])
    stages = pseudo_labels()
    stages.run()
    with pytest.raises(SystemExit):
        stages.exit()
    assert "masks: failed: films/0.png: StageError: " in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "out" / "masks" / "index.csv")) == 5


def test_weights_that_are_not_there(pseudo_labels: Build, weights: Path) -> None:
    stages = pseudo_labels()
    weights.unlink()
    with pytest.raises(UsageError, match=r"classifier.pt: no weights there"):
        stages.run()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"foreground": 0.01}, "0 <= first <= second < 1 is needed, got 0.05, 0.01"),
        ({"threshold": 1.0}, "walk_threshold: a number between 0 and 1"),
        ({"walk_radius": 1}, "walk_radius: a whole number from 2 on is needed, got 1"),
        ({"steps": -1}, "walk_steps: a whole number from 0 on is needed, got -1"),
        ({"walk_beta": 0}, "walk_beta: a number above 0 is needed, got 0"),
        ({"scales": ()}, "cam_scales: numbers above 0, at least one, are needed"),
        ({"scales": (1.0, 0)}, "cam_scales: numbers above 0, at least one, are needed"),
    ],
)
def test_impossible_settings(pseudo_labels: Build, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        pseudo_labels(**options)
