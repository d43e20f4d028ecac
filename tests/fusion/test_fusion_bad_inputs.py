"""What the command line does with images, files and options that do not fit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from annotation_files import rect, via_entries, write_json
from PIL import Image
from study_folder import READERS, reading, run, save, stack

from common.fusion import staple
from common.fusion.__main__ import main


def test_one_bad_image_does_not_stop_the_others(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(folders / "ann/only.png", reading(0, 0))
    save(folders / "bob/site/a.png", reading(0, 1)[:, :50])
    broken = folders / "cyn/c.png"
    broken.write_bytes(broken.read_bytes()[:60])
    for reader in READERS:
        save(folders / reader / "twice.png", reading(2, 0))
    save(folders / "ann/twice.bmp", reading(2, 0))
    assert run(folders) == 3
    rows = pd.read_csv(folders / "out/images.csv").set_index("image")
    assert rows["status"].to_dict() == {
        "c": "refused",
        "only": "refused",
        "site/a": "refused",
        "site/b": "ok",
        "twice": "refused",
    }
    reasons = rows["reason"].to_dict()
    assert re.match(rf"{broken}: damaged picture", reasons["c"])
    assert reasons["only"] == "read by 1 of 3 raters, not by bob, cyn"
    assert reasons["site/a"] == f"{folders}/bob/site/a.png: 50 x 72 pixels, but {folders}/ann/site/a.png 60 x 72 pixels"
    assert reasons["twice"] == (f"2 entries of ann for one image: {folders}/ann/twice.bmp and {folders}/ann/twice.png")
    printed = capsys.readouterr()
    assert printed.out.startswith("1 of 5 images fused: ")
    assert sorted(line.split(": ")[1] for line in printed.err.splitlines()) == ["c", "only", "site/a", "twice"]
    assert not list((folders / "out").glob("c_*"))
    assert json.loads((folders / "out/run.json").read_text())["counts"] == {"ok": 1, "refused": 4, "failed": 0}


def test_an_image_that_fails_keeps_no_consensus_of_an_earlier_run(folders: Path) -> None:
    run(folders)
    (folders / "cyn/c.png").write_bytes(b"")
    assert run(folders) == 3
    assert not list((folders / "out").glob("c_*"))
    assert sorted(json.loads((folders / "out/regions.json").read_text())) == ["site/a", "site/b"]


def test_an_image_needs_so_many_readers(folders: Path) -> None:
    (folders / "cyn/c.png").unlink()
    assert run(folders) == 3
    assert run(folders, "--min_raters", "2", output="two") == 0
    rows = pd.read_csv(folders / "two/images.csv").set_index("image")
    assert rows["raters"].to_dict() == {"c": 2, "site/a": 3, "site/b": 3}
    with Image.open(folders / "two/c_consensus.png") as picture:
        assert np.array_equal(np.asarray(picture), staple(stack(2)[:2]).consensus * 255)
    # Fleiss' kappa of all readers is about the images that all have read.
    assert json.loads((folders / "two/run.json").read_text())["agreement"]["images"] == 2
    pairs = pd.read_csv(folders / "two/pairs.csv").set_index(["reader_a", "reader_b"])["images"]
    assert pairs.to_dict() == {("ann", "bob"): 3, ("ann", "cyn"): 2, ("bob", "cyn"): 2}


def test_an_empty_mask_may_mean_that_nobody_looked(folders: Path) -> None:
    assert run(folders, "--empty", "ignore", "--min_raters", "2") == 3
    rows = pd.read_csv(folders / "out/images.csv").set_index("image")
    assert rows.loc["site/b", "reason"] == "read by 1 of 3 raters, not by ann, bob"


def test_a_mismatch_with_the_radiograph_is_found(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (72, 70), dtype=np.uint8)
    for name in ("site/a", "extra"):
        (folders / "pictures/site").mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise).save(folders / f"pictures/{name}.png")
    Image.fromarray(noise[:, :66]).save(folders / "pictures/c.png")
    for image, reader in ((2, name) for name in READERS):
        save(folders / reader / "c.png", np.pad(reading(image, 0), ((0, 0), (0, 6))))
    assert run(folders, "--images", str(folders / "pictures")) == 3
    rows = pd.read_csv(folders / "out/images.csv").set_index("image")
    assert rows["status"].to_dict() == {"c.png": "ok", "site/a.png": "refused", "site/b": "refused"}
    assert "60 x 72 pixels, but" in rows.loc["site/a.png", "reason"]
    assert rows.loc["site/b", "reason"].endswith("pictures, found none")
    assert json.loads((folders / "out/run.json").read_text())["pictures_nobody_has_read"] == ["extra"]
    assert "1 pictures that nobody has read, extra first (all in run.json)" in capsys.readouterr().out


REFUSED: dict[str, tuple[list[str], str]] = {
    "one reader": (["{}/ann"], "one reader, ann; two at least are needed"),
    "nothing": (["{}/ann", "{}/none"], "none: no such folder or file"),
    "same name": (["{}/ann", "{}/ann"], "two raters are called ann; name them apart: NAME=PATH"),
    "threshold": (["{}/ann", "{}/bob", "--threshold", "1.5"], "threshold: a number between 0 and 1"),
    "min_raters": (["{}/ann", "{}/bob", "--min_raters", "3"], "min_raters: a number from 2 to 2 is needed, got 3"),
    "workers": (["{}/ann", "{}/bob", "--workers", "0"], "workers: a number from 1 to inf is needed, got 0"),
    "images": (["{}/ann", "{}/bob", "--images", "{}/none"], "none: no such folder"),
    "other images": (
        ["{}/ann", "{}/stray"],
        "no image has the marks of 2 raters; they are matched by path without extension: ann has c, stray has z",
    ),
    "output": (["{}/ann", "{}/bob", "--output", "{}/bob"], "results must not lie among the masks"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_start_ends_in_one_line(folders: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    save(folders / "stray/z.png", reading(0, 0))
    arguments, message = REFUSED[case]
    assert main(["--output", str(folders / "out"), *(argument.format(folders) for argument in arguments)]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert message in printed
    assert not (folders / "out").exists()


def test_when_no_image_can_be_fused_the_reasons_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for reader in ("ann", "bob"):
        write_json(tmp_path / f"{reader}.json", via_entries({"a.png": [rect(1, 2, 3, 4)]}))
    assert run(tmp_path, raters=("ann.json", "bob.json")) == 1
    printed = capsys.readouterr()
    assert "refused: a: " in printed.err
    assert "give --images" in printed.err
    assert pd.read_csv(tmp_path / "out/images.csv")["status"].tolist() == ["refused"]


def test_wrong_words_are_explained(folders: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(folders, "--method", "average")
    assert stopped.value.code == 2


def test_a_folder_that_cannot_be_written_is_named(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "file").write_text("x")
    assert run(folders, output="file/out") == 1
    assert "file/out" in capsys.readouterr().err
