"""Stages go on where they ended, and refuse what was made from something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from common.errors import UsageError
from common.handlers import StopOnNaN
from common.weak import PseudoLabels, StageError, seed_stage

Build = Callable[..., PseudoLabels]


def record(folder: Path) -> dict:
    content: dict = json.loads((folder / "stage.json").read_text())
    return content


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
