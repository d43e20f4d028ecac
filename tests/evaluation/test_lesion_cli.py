"""The verb lesions from end to end: files, pictures, faults."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_lesions import make_lesion_run, make_lesions, mask_path
from made_up_regions import HEIGHT, WIDTH, MadeUpRegions, picture, save
from made_up_scores import read_rows, write_rows
from PIL import Image

from common.evaluation import report_lesions
from common.evaluation.__main__ import main
from common.localization import read_regions, write_regions


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRegions:
    """See :func:`made_up_lesions.make_lesions`."""
    return make_lesions(tmp_path)


def lesions(made: MadeUpRegions, run: Path, *options: str) -> int:
    """Run the verb with few repeats, into ``out`` beside the data."""
    common = ["--index", str(made.data), "--output", str(made.data.parent / "out"), "--processes", "1"]
    return main(["lesions", str(run), *common, "--repeats", "20", *options])


def written(made: MadeUpRegions) -> pd.DataFrame:
    """The table of images that the verb wrote."""
    return pd.read_csv(made.data.parent / "out/per_image.csv", keep_default_na=False).set_index("image")


def test_prints_and_writes(made: MadeUpRegions, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lesions(made, make_lesion_run(made)) == 0
    printed = capsys.readouterr()
    out = tmp_path / "out"
    assert (out / "summary.md").read_text() in printed.out
    assert printed.err == ""
    assert "a hit is a lesion with IoU 0.2 or more with a true box" in printed.out
    assert "| north | 2 | 1 | 0.0417 | 0.0417 | 0.0417 | 0.500 [0.013, 0.987] | 0.500" in printed.out
    tables = ("per_image", "lesions", "summary", "detection", "froc", "froc_curve", "precision_recall")
    assert {path.name for path in out.iterdir()} == {
        *(f"{name}.csv" for name in tables),
        *("summary.json", "summary.md", "froc.png", "precision_recall.png", "images.png", "cases"),
    }
    record = json.loads((out / "summary.json").read_text())
    assert record["settings"]["hit_rule"] == 0.2
    assert record["settings"]["run"]["weights_sha256"] == "ab" * 32
    assert record["outcomes"][0]["with_boxes"] == 3
    assert record["findings_agreement"] is None


def test_boxes_of_one_label_alone_are_the_truth(made: MadeUpRegions, tmp_path: Path) -> None:
    boxes = json.loads(next(row["boxes"] for row in made.index() if row["image"] == made.image("b")))
    boxes[1]["label"] = "latent"
    made.change("b", boxes=json.dumps(boxes))
    run = make_lesion_run(made)
    assert lesions(made, run, "--box_labels", "latent") == 0
    images = written(made)
    # Of "b" only the box that was found counts; "a" and "c" have nothing of this label, but something was outlined.
    assert images.loc[made.image("b"), ["boxes", "truth", "found"]].tolist() == [1, "latent", "1.0"]
    assert images.loc[made.image("a"), ["boxes", "truth", "dice"]].tolist() == [0, "no boxes", 0.0]
    assert json.loads((tmp_path / "out/summary.json").read_text())["settings"]["box_labels"] == ["latent"]


def test_a_label_that_no_box_has_is_an_error(made: MadeUpRegions, capsys: pytest.CaptureFixture[str]) -> None:
    assert lesions(made, make_lesion_run(made), "--box_labels", "healed") == 1
    assert "none of the 5 selected images has a box of the label healed" in capsys.readouterr().err


def test_cases_are_drawn_by_dice_and_the_worst_normal_one(made: MadeUpRegions, tmp_path: Path) -> None:
    folder = tmp_path / "out/cases"
    folder.mkdir(parents=True)
    (folder / "north_best_1_old.png").write_bytes(b"")
    assert lesions(made, make_lesion_run(made), "--cases", "1") == 0
    names = {"north_best_1_a.png", "north_median_1_b.png", "north_worst_1_c.png", "north-normal_worst_1_d.png"}
    assert {path.name for path in folder.iterdir()} == names
    with Image.open(folder / "north_worst_1_c.png") as drawn:
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(1 << 20) or []}
    assert (0x56, 0xB4, 0xE9) in colours  # the true box
    assert (0xF0, 0xE4, 0x42) in colours  # the lesion
    for name in "de":  # without normal images the ranks stay whole numbers
        made.change(name, det_split="train")
    assert lesions(made, made.data.parent / "run", "--cases", "1", "--splits", "val") == 0
    assert {path.name for path in folder.iterdir()} == names - {"north-normal_worst_1_d.png"}


def test_each_unusable_image_is_listed_and_the_others_are_measured(
    made: MadeUpRegions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("refused", "absent", "size", "damaged", "beyond", "labels", "box", "boxes", "stale", "lungs", "area")
    for name in names:
        made.add_image(name, [(1, 1, 5, 5)])
    run = make_lesion_run(made, changes={name: [((1, 1, 5, 5), 0.5)] for name in names if name != "absent"})
    rows = [row for row in read_rows(run / "predictions.csv") if row["image"] != made.image("refused")]
    write_rows(run / "predictions.csv", [*rows, {"image": made.image("refused"), "status": "refused", "reason": "x"}])
    save(mask_path(run, "size"), np.zeros((WIDTH, HEIGHT), dtype=np.uint8))
    mask_path(run, "damaged").write_bytes(b"\x89PNG\r\n\x1a\n")
    regions = read_regions(run / "lesions.json")
    regions[made.image("beyond")] = [regions[made.image("beyond")][0]._replace(box=(90, 0, 20, 10))]
    save(mask_path(run, "stale"), np.zeros((HEIGHT, WIDTH), dtype=np.uint8))
    write_regions(run / "lesions.json", regions)
    made.change("labels", boxes='[{"xywh": [1, 1, 5]}]')
    made.change("box", boxes='[{"label": "active", "xywh": [90, 0, 20, 10]}]')
    made.change("boxes", tb="0")
    save(made.data / "lungs/small.png", picture([((0, 0, 5, 5), 255)])[:20])
    made.change("lungs", tb="0", boxes="", lung_mask="lungs/small.png")
    made.change("area", tb="0", boxes="", lung_area_fraction="12")
    made.add_image("unknown", None, tb="1")
    assert lesions(made, run, "--cases", "0") == 3
    table = written(made)
    reasons = {
        "a": ("ok", ""),
        "e": ("ok", ""),
        "refused": ("missing", "refused: x"),
        "absent": ("missing", "absent_tb.png: no such file"),
        "size": ("failed", "its predicted mask has 72 x 96 pixels, the image 96 x 72"),
        "damaged": ("failed", "damaged_tb.png: "),
        "beyond": ("failed", "lesions.json: box [90, 0, 20, 10] leaves the mask of 96 x 72 pixels"),
        "labels": ("failed", "boxes cannot be read"),
        "box": ("failed", "has no place in the image of 96 x 72 pixels"),
        "boxes": ("failed", "the index has tb 0 and 1 boxes"),
        "stale": ("failed", "stale_tb.png is empty, but lesions.json has 1 lesions of it"),
        "lungs": ("failed", "lungs/small.png: 96 x 20 pixels, its image 96 x 72"),
        "area": ("failed", "lung_area_fraction of the index is 12"),
        "unknown": ("no truth", "the index has no boxes, and tb is not 0"),
    }
    for name, (status, reason) in reasons.items():
        found = table.loc[made.image(name)]
        assert (name, found["status"]) == (name, status)
        assert reason in found["reason"]
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("missing: north/images/refused.png: refused: x")
    summary = (tmp_path / "out/summary.md").read_text()
    assert "| north | 2 | 9 | 1 |" in summary


def test_predictions_without_index_are_counted_and_listed(
    made: MadeUpRegions, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_lesion_run(made)
    made.write_index([row for row in made.index() if row["image"] != made.image("c")])
    assert lesions(made, run, "--cases", "0") == 0
    printed = capsys.readouterr()
    assert "not in the index: north/images/c_tb.png" in printed.err
    assert "1 predicted masks belong to no image of the index" in printed.out


def test_small_sites_and_sites_without_boxes(made: MadeUpRegions, capsys: pytest.CaptureFixture[str]) -> None:
    """One image, two images without any truth but nothing, and none that found anything."""
    run = make_lesion_run(made, changes={"b": []})
    made.change("a", dataset="one", boxes='[{"xywh": [10, 10, 20, 20]}]')
    for name in ("d", "e"):
        made.change(name, dataset="normals", det_split="train")
    assert lesions(made, run) == 0
    printed = capsys.readouterr().out
    assert "| one | all | 1 | 1.000 | 1.000 | 1.000 |" in printed
    assert "| all | boxes | 1 | 1.000 |" in printed  # labels are not needed
    assert "| normals | normal | 2 | 0.500 [0.000, 1.000] |" in printed
    assert lesions(made, run, "--sites", "normals", "--splits", "train") == 0
    assert "FROC" not in capsys.readouterr().out
    nothing = make_lesion_run(made, "nothing", dict.fromkeys("abcde", ()))
    assert lesions(made, nothing) == 0
    table = written(made)
    assert table["lesions"].tolist() == [0] * 5
    assert table["dice"].tolist() == [0, 0, 0, 1, 1]


def test_report_of_a_configuration(made: MadeUpRegions, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_lesion_run(made)
    found = report_lesions(str(run), str(made.data), str(run / "evaluation"), cases=0, splits=["val"], repeats=20)
    assert capsys.readouterr().out.strip() == found.markdown().strip()
    assert (run / "evaluation/summary.json").is_file()
    assert not (run / "evaluation/cases").exists()


def test_warnings_about_the_run(made: MadeUpRegions, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_lesion_run(made)
    (run / "run.json").write_text('{"complete": false}')
    assert lesions(made, run, "--cases", "0") == 0
    assert capsys.readouterr().err == "warning: run.json says that the run is not complete\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["{}/none"], "none: no such folder; a run is the output folder of a segmentation of lesions"),
        (["{}/data"], "data/north/images/a_tb.png: no such file"),
        (["{}/run", "--splits", "test"], "no row with det_split in test"),
        (["{}/run", "--sites", "east"], "none of the 1 selected rows of the index has true boxes or tb 0"),
        (["{}/run", "--lungs", "{}/none"], "none: no such folder of lung masks"),
        (["{}/twice"], "predictions.csv: 1 images are listed twice, north/images/a.png first"),
        (["{}/broken"], "lesions.json: north/images/a.png: found 1, not a list of boxes and scores"),
    ],
)
def test_what_cannot_start_ends_in_one_line(
    made: MadeUpRegions, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    made.add_image("f", None, dataset="east")
    make_lesion_run(made)
    twice, broken = make_lesion_run(made, "twice"), make_lesion_run(made, "broken")
    rows = read_rows(twice / "predictions.csv")
    write_rows(twice / "predictions.csv", [*rows, rows[0]])
    (broken / "lesions.json").write_text(json.dumps({made.image("a"): 1}))
    run, *others = (option.format(tmp_path) for option in options)
    assert lesions(made, Path(run), *others) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert message in printed
    assert not (tmp_path / "out").exists()


def test_an_image_listed_twice_and_a_wrong_rule_are_refused(
    made: MadeUpRegions, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_lesion_run(made)
    with pytest.raises(SystemExit):
        lesions(made, run, "--hit", "2")
    assert "hit rule 2: an IoU above 0 and at most 1, or centre, is accepted" in capsys.readouterr().err
    with pytest.raises(ValueError, match="hit rule middle"):
        report_lesions(run, made.data, made.data.parent / "out", hit="middle")
    made.write_index([*made.index(), made.index()[0]])
    assert lesions(made, run) == 1
    assert "index.csv: 1 images are listed twice, north/images/a.png first" in capsys.readouterr().err
