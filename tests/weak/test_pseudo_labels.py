"""From image labels to masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from bright_films import disc
from PIL import Image

from common.weak import PseudoLabels
from common.weak.crf_stage import read_seeds
from common.weak.evidence_file import read_evidence

Build = Callable[..., PseudoLabels]


def mask(path: Path) -> np.ndarray:
    pixels = np.asarray(Image.open(path))
    assert set(np.unique(pixels)) <= {0, 255}
    return pixels == 255


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def test_image_labels_become_masks(pseudo_labels: Build, data: Path, tmp_path: Path) -> None:
    stages = pseudo_labels(write_steps=True)
    stages.run()
    stages.exit()

    out = tmp_path / "out"
    table = pd.read_csv(out / "masks" / "index.csv", dtype=str, keep_default_na=False).set_index("image")
    assert table["tb"].tolist() == ["1", "1", "0", "1", "0", "1"]
    # Nothing that was drawn by hand goes along.
    assert "secret.png" not in (out / "masks" / "index.csv").read_text()
    for number, tb in enumerate((1, 1, 0, 1, 0, 1)):
        found = mask(out / "masks" / table.loc[f"films/{number}.png", "lesion_mask"])
        assert found.shape == (120, 100)  # rows and columns of the picture, not of the network
        if tb:
            truth = disc(found.shape, (40, 30 + 4 * number), 18)
            assert dice(found, truth) > 0.85
            for step in ("cam", "crf"):
                assert dice(mask(out / "masks" / "steps" / step / "films" / f"{number}_tb.png"), truth) > 0.8
        else:
            assert not found.any()
    # Only images that show the class are looked at before.
    assert not (out / "seeds" / "films" / "2_evidence.npz").exists()
    seeds = read_seeds(out / "crf" / "films" / "0_seeds.png")
    content = read_evidence(out / "seeds" / "films" / "0_evidence.npz")
    assert seeds.shape == content.image.shape == content.maps.shape[1:] == (96, 96)
    assert content.maps.max() == 1
    across, down = 30 / 100 * 96, 40 / 120 * 96  # arrays have the picture's columns first
    assert seeds[round(across), round(down)] == 1
    assert seeds[90, 90] == 0
    network = torch.load(out / "irnet" / "model.pt", weights_only=True)
    assert network["displacement_mean"].abs().min() > 0


def test_several_classes(pseudo_labels: Build, tmp_path: Path) -> None:
    stages = pseudo_labels(classes=("tb", "old"))
    stages.run()

    folder = tmp_path / "out" / "masks"
    table = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False).set_index("image")
    both, old = table.loc["films/1.png"], table.loc["films/4.png"]
    bright, dark = disc((120, 100), (40, 34), 18), disc((120, 100), (90, 60), 15)
    assert dice(mask(folder / both["tb_mask"]), bright) > 0.8
    assert dice(mask(folder / both["old_mask"]), dark) > 0.8
    np.testing.assert_array_equal(
        mask(folder / both["lesion_mask"]), mask(folder / both["tb_mask"]) | mask(folder / both["old_mask"])
    )
    # A class that the label denies is not found, whatever the classifier sees.
    assert not mask(folder / old["tb_mask"]).any()
    assert not mask(folder / table.loc["films/0.png", "old_mask"]).any()
    seeds = read_seeds(tmp_path / "out" / "crf" / "films" / "1_seeds.png")
    assert {1, 2} <= set(np.unique(seeds)) <= {0, 1, 2, 255}
