"""The verb localization from end to end: files, pictures, faults."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_regions import HEIGHT, WIDTH, MadeUpRegions, make_regions, make_run
from made_up_scores import write_rows
from PIL import Image

from common.evaluation import report_localization
from common.evaluation.__main__ import main


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRegions:
    """See :func:`made_up_regions.make_regions`."""
    return make_regions(tmp_path)


def localization(made: MadeUpRegions, runs: list[str], *options: str) -> int:
    """Run the verb with few repeats, into ``out`` beside the data."""
    output = str(made.data.parent / "out")
    return main(["localization", *runs, "--index", str(made.data), "--output", output, "--repeats", "20", *options])


def written(made: MadeUpRegions) -> pd.DataFrame:
    """The table of images that the verb wrote."""
    return pd.read_csv(made.data.parent / "out/per_image.csv", keep_default_na=False).set_index("image")


def test_prints_and_writes(made: MadeUpRegions, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = make_run(made), make_run(made, "other", method="saliency")
    assert localization(made, [f"crm={first}", str(second)]) == 0
    printed = capsys.readouterr()
    out = tmp_path / "out"
    assert (out / "summary.md").read_text() in printed.out
    assert printed.err == ""
    assert "| crm | north | 3 | 2 | 0.500 [" in printed.out
    assert "| other | north | 2 | 0.500 [" in printed.out  # without boxes: one of two without a region
    assert "| other | north | Dice | 5 | 0.000 [0.000, 0.000] | 0 / 5 / 0 | 1 | 1 |" in printed.out
    assert {path.name for path in out.iterdir()} == {
        *("per_image.csv", "regions.csv", "summary.csv", "detection.csv", "paired.csv", "summary.json", "summary.md"),
        *("figures.png", "dice.png", "detection.png", "cases"),
    }
    record = json.loads((out / "summary.json").read_text())
    assert record["settings"]["runs"]["other"]["method"] == "saliency"
    assert [entry["no_truth"] for entry in record["outcomes"]] == [1, 1]
    assert not any(np.isnan(value) for entry in record["summary"] for value in entry.values() if type(value) is float)


def test_cases_are_drawn_by_dice(made: MadeUpRegions, tmp_path: Path) -> None:
    folder = tmp_path / "out/cases"
    folder.mkdir(parents=True)
    (folder / "run_north_best_1_old.png").write_bytes(b"")
    assert localization(made, [str(make_run(made))], "--cases", "1") == 0
    names = {"run_north_best_1_a.png", "run_north_median_1_c.png", "run_north_worst_1_b.png"}
    assert {path.name for path in folder.iterdir()} == names
    with Image.open(folder / "run_north_best_1_a.png") as drawn:
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(1 << 20) or []}
    assert (0x56, 0xB4, 0xE9) in colours  # the true boxes
    assert (0xF0, 0xE4, 0x42) in colours  # the regions


def test_each_unusable_image_is_listed_and_the_others_are_measured(
    made: MadeUpRegions, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(made)
    made.save_evidence(run, "a", np.zeros((WIDTH, HEIGHT), dtype=np.uint8))
    made.save_evidence(run, "b", np.zeros((HEIGHT, WIDTH), dtype=np.uint16))
    made.save_evidence(run, "d", np.zeros((HEIGHT, WIDTH), dtype=np.uint8)).write_bytes(b"\x89PNG\r\n\x1a\n")
    made.change("e", boxes='[{"xywh": [90, 0, 20, 10]}]')
    made.change("f", boxes="[]")
    (run / made.image("f").replace(".png", "_evidence.png")).unlink()
    made.add_image("g", [(1, 1, 5, 5)])
    made.add_image("h", [(1, 1, 5, 5)])
    write_rows(run / "predictions.csv", [{"image": made.image("g"), "status": "refused", "reason": "a film"}])
    assert localization(made, [str(run)], "--cases", "0") == 3
    table = written(made)
    reasons = {
        "a": ("failed", "evidence map has (72, 96) pixels, its mask of regions (96, 72)"),
        "b": ("failed", "b_evidence.png: uint16 values; an evidence map has 8 bits"),
        "c": ("ok", ""),
        "d": ("failed", "d_evidence.png: not a picture"),
        "e": ("failed", "has no place in the image of 96 x 72 pixels"),
        "f": ("failed", "f_evidence.png: no such file"),
        "g": ("missing", "refused: a film"),
        "h": ("missing", "regions.json"),
    }
    for name, (status, reason) in reasons.items():
        found = table.loc[made.image(name)]
        assert found["status"] == status
        assert reason in found["reason"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("failed (run): north/images/a.png: ")


def test_a_run_without_maps_is_measured_by_its_regions(made: MadeUpRegions, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(made)
    for path in run.rglob("*_evidence.png"):
        path.unlink()
    assert localization(made, [str(run)], "--cases", "1") == 0
    printed = capsys.readouterr()
    assert (
        printed.err == "warning: run: no evidence maps were saved; pointing game and share of evidence are left out\n"
    )
    assert "| run | north | 3 | 2 | not measured | not measured | 0." in printed.out
    assert float(written(made).loc[made.image("b"), "dice"]) == 0.5


def test_sites_and_splits(made: MadeUpRegions, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(made)
    made.change("a", det_split="train")
    made.change("b", det_split="train", dataset="south")
    assert localization(made, [str(run)], "--splits", "train", "--cases", "0") == 0
    assert sorted(written(made).index) == [made.image("a"), made.image("b")]
    assert "| run | all | 2 | 0 | 0.500 " in capsys.readouterr().out
    assert localization(made, [str(run)], "--splits", "train", "--sites", "south", "--cases", "0") == 0
    assert written(made).index.tolist() == [made.image("b")]
    made.write_index([row for row in made.index() if row["image"] != made.image("c")])
    assert localization(made, [str(run)], "--sites", "south", "--cases", "0") == 0
    assert "not in the index (run): north/images/c.png" in capsys.readouterr().err


def test_report_of_a_configuration(made: MadeUpRegions, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(made)
    found = report_localization({"cam": str(run)}, str(made.data), run / "evaluation", cases=0, repeats=20)
    assert capsys.readouterr().out.strip() == found.markdown().strip()
    assert (run / "evaluation/summary.json").is_file()
    assert not (run / "evaluation/cases").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["{}/none"], "none: no such folder; a run is the output folder of inference with localize.yaml"),
        (["{}/data"], "regions.json: not found; localisation writes it"),
        (["{}/run", "{}/run"], "two runs are called run; name them apart: NAME=FOLDER"),
        (["{}/run", "--splits", "test"], "no row with det_split in test"),
        (["{}/run", "--sites", "east"], "none of the 1 selected rows of the index has true boxes"),
        (["{}/empty"], "no image could be compared; north/images/a.png: not in"),
    ],
)
def test_what_cannot_start_ends_in_one_line(
    made: MadeUpRegions, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    make_run(made)
    made.run("empty")
    made.change("f", dataset="east")
    assert localization(made, [option.format(tmp_path) for option in options]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert message in printed
    assert not (tmp_path / "out").exists()


def test_an_index_without_boxes_or_with_an_image_twice_is_refused(
    made: MadeUpRegions, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(make_run(made))
    made.write_index([*made.index(), made.index()[0]])
    assert localization(made, [run]) == 1
    assert "index.csv: 1 images are listed twice, north/images/a.png first" in capsys.readouterr().err
    made.write_index([{"dataset": "north", "image": "x.png"}])
    assert localization(made, [run]) == 1
    assert "column boxes is missing" in capsys.readouterr().err
