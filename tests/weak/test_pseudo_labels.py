from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from bright_films import disc
from PIL import Image
from torch import nn

from common.errors import UsageError
from common.handlers import StopOnNaN
from common.weak import PseudoLabels, StageError, seed_stage
from common.weak.crf_stage import read_seeds
from common.weak.evidence_file import read_evidence

Build = Callable[..., PseudoLabels]


def mask(path: Path) -> np.ndarray:
    pixels = np.asarray(Image.open(path))
    assert set(np.unique(pixels)) <= {0, 255}
    return pixels == 255


def dice(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


def record(folder: Path) -> dict:
    content: dict = json.loads((folder / "stage.json").read_text())
    return content


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


def test_a_second_run_does_nothing(pseudo_labels: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pseudo_labels().run()
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    capsys.readouterr()

    pseudo_labels().run()

    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()} == files
    said = capsys.readouterr().out
    assert [f"stage {name}: done already" in said for name in ("seeds", "crf", "irnet", "masks")] == [True] * 4


def test_a_run_that_was_killed_in_every_stage_ends_as_an_undisturbed_one(
    pseudo_labels: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pseudo_labels("undisturbed", epochs=3).run()
    write, count = seed_stage.write_evidence, StopOnNaN.__call__

    def killed_at(number: int, function: Callable) -> Callable:
        calls = []

        def killed(*args: object, **kwargs: object) -> object:
            calls.append(args)
            if len(calls) == number:
                raise KeyboardInterrupt
            return function(*args, **kwargs)

        return killed

    monkeypatch.setattr(seed_stage, "write_evidence", killed_at(3, write))
    with pytest.raises(KeyboardInterrupt):
        pseudo_labels("killed", epochs=3).run()
    first = tmp_path / "killed" / "seeds" / "films" / "0_evidence.npz"
    written = first.stat().st_mtime_ns
    assert record(first.parents[1])["digest"] == ""

    monkeypatch.setattr(seed_stage, "write_evidence", write)
    monkeypatch.setattr(StopOnNaN, "__call__", killed_at(4, count))  # in the second of three epochs
    with pytest.raises(KeyboardInterrupt):
        pseudo_labels("killed", epochs=3).run()
    assert first.stat().st_mtime_ns == written
    assert not (tmp_path / "killed" / "irnet" / "model.pt").exists()
    assert torch.load(tmp_path / "killed" / "irnet" / "last.pt", weights_only=True)["trainer"]["epoch"] == 1

    monkeypatch.setattr(StopOnNaN, "__call__", count)
    pseudo_labels("killed", epochs=3).run()

    for name in ("seeds", "crf", "irnet", "masks"):
        assert record(tmp_path / "killed" / name)["digest"] == record(tmp_path / "undisturbed" / name)["digest"]
    whole, resumed = (
        torch.load(tmp_path / run / "irnet" / "model.pt", weights_only=True) for run in ("undisturbed", "killed")
    )
    assert all(torch.equal(resumed[key], tensor) for key, tensor in whole.items())


def test_stale_stages_are_refused_and_say_why(pseudo_labels: Build, data: Path, weights: Path, tmp_path: Path) -> None:
    pseudo_labels().run()
    folder = tmp_path / "out"
    before = {name: record(folder / name) for name in ("seeds", "crf", "irnet", "masks")}

    with pytest.raises(StageError, match=r"crf/stage.json: stage crf was made from another seed_foreground \(0.3, now"):
        pseudo_labels(foreground=0.4).run()
    with pytest.raises(StageError, match=r"irnet was made from another epochs \(1, now 2\); --restart_stage irnet"):
        pseudo_labels(epochs=2).run()

    content = weights.read_bytes()
    torch.save({key: tensor + 1 for key, tensor in torch.load(weights, weights_only=True).items()}, weights)
    with pytest.raises(StageError, match=r"stage seeds was made from other weights of the classifier \(SHA-256 \w{8}…"):
        pseudo_labels().run()
    weights.write_bytes(content)

    index = (data / "index.csv").read_text()
    (data / "index.csv").write_text(index.replace("films/4.png,0", "films/4.png,1"))
    with pytest.raises(StageError, match="stage seeds was made from other images or labels"):
        pseudo_labels().run()
    (data / "index.csv").write_text(index)

    other = torch.load(folder / "irnet" / "model.pt", weights_only=True)
    other["displacement_mean"] += 1
    torch.save(other, folder / "irnet" / "model.pt")
    with pytest.raises(StageError, match="stage masks was made from other weights of the IRNet"):
        pseudo_labels().run()
    assert {name: record(folder / name) for name in before} == before


def test_a_stage_is_made_anew_with_what_follows(pseudo_labels: Build, tmp_path: Path) -> None:
    pseudo_labels().run()
    folder = tmp_path / "out"
    before = {name: record(folder / name) for name in ("seeds", "crf", "irnet", "masks")}

    pseudo_labels(foreground=0.4, restart="crf").run()

    after = {name: record(folder / name) for name in before}
    assert after["seeds"] == before["seeds"]
    assert after["crf"]["inputs"]["settings"]["seed_foreground"] == 0.4
    assert after["irnet"]["inputs"]["previous"] == after["crf"]["digest"] != before["crf"]["digest"]
    assert after["masks"]["inputs"]["previous"] == after["irnet"]["digest"]
    # The stage before the one that was asked for is stale: nothing is deleted.
    with pytest.raises(StageError, match="stage crf was made from another seed_foreground"):
        pseudo_labels(restart="masks").run()
    assert {name: record(folder / name) for name in before} == after


def test_missing_stages(pseudo_labels: Build, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(StageError, match=r"stage seeds is missing, and irnet needs it"):
        pseudo_labels(run=["irnet"]).run()
    pseudo_labels(run="seeds").run()
    assert [path.name for path in folder.iterdir()] == ["seeds"]
    with pytest.raises(StageError, match=r"crf/stage.json: stage crf is missing, and masks needs it"):
        pseudo_labels(run=["irnet", "masks"]).run()
    pseudo_labels(run=["crf", "irnet", "masks"]).run()

    (folder / "crf" / "stage.json").unlink()
    with pytest.raises(StageError, match=r"crf is missing, but .*irnet was made from it; --restart_stage crf"):
        pseudo_labels().run()
    pseudo_labels(restart="crf").run()
    (folder / "crf" / "stage.json").write_text("{")
    with pytest.raises(StageError, match=r"crf/stage.json: damaged"):
        pseudo_labels().run()
    with pytest.raises(UsageError, match="one of seeds, crf, irnet, masks is needed, got walk"):
        pseudo_labels(restart="walk")


def test_files_of_unknown_origin_are_neither_used_nor_deleted(pseudo_labels: Build, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "masks" / "mine.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(StageError, match=r"masks: files but no stage.json that tells what they were made from"):
        pseudo_labels(restart="seeds").run()
    assert mine.read_bytes() == b"mine"


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
    ],
)
def test_impossible_settings(pseudo_labels: Build, options: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        pseudo_labels(**options)


class GreyStep(nn.Module):
    """A boundary wherever neighbours differ by more than a tenth, as IRNet would give it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.avg_pool2d(x, 4)
        step = torch.nn.functional.max_pool2d(small, 3, 1, 1) + torch.nn.functional.max_pool2d(-small, 3, 1, 1)
        return torch.cat([(step > 0.1).float() * 40 - 20, torch.zeros_like(small).expand(-1, 2, -1, -1)], dim=1)


def test_evidence_fills_its_object_and_no_other(pseudo_labels: Build) -> None:
    picture = torch.full((1, 96, 96), 0.4)
    left, right = (torch.from_numpy(disc((96, 96), centre, 20)) for centre in ((48, 24), (48, 72)))
    picture[0, left | right] = 0.8
    maps = disc((96, 96), (44, 20), 8)[None].astype(np.float16)  # a part of the left one
    masks = pseudo_labels(steps=256).stages[-1]

    walked = masks.spread(picture, maps, GreyStep())[0]

    assert walked.shape == (96, 96)
    assert walked.max() == 1
    found = (walked > 0.25).numpy()
    # Boundary pixels, four of the image wide on both sides of the step, keep no evidence of their own.
    assert found[disc((96, 96), (48, 24), 12)].all()
    assert not found[~left].any()


def test_boundaries_are_averaged_over_the_mirror_image(pseudo_labels: Build) -> None:
    class OneSide(nn.Module):
        """Certain boundaries in the first columns, wherever the image has them."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits = torch.full((len(x), 3, 24, 24), -20.0)
            logits[:, 0, :4] = 20.0
            return logits

    masks = pseudo_labels().stages[-1]
    walked = masks.spread(torch.rand(1, 96, 96), np.ones((1, 96, 96)), OneSide())[0]
    # Logits 20 and -20 average to 0: half of the evidence stays on both sides alike.
    torch.testing.assert_close(walked[:14], torch.full((14, 96), 0.5))
    torch.testing.assert_close(walked[-14:], torch.full((14, 96), 0.5))
    torch.testing.assert_close(walked[20:-20], torch.ones(56, 96))
