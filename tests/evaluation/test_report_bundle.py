"""One command from a bundle and an index to the page."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import numpy as np
import pytest
from made_up_reports import one
from made_up_scores import MadeUpScores, make_scores
from PIL import Image

from common.evaluation.__main__ import main
from common.evaluation.bundle_run import bundle_split_column

#: Writes a score for every image that it is given, which is the brightness of its first pixel.
INFERENCE = """
imports: [$import their_code]
bundle_root: .
dataset_dir: .
output_dir: .
resume_inference: false
dataset:
  data: {_target_: common.data.folder_items, dataset_dir: '@dataset_dir', exclude: '@output_dir'}
run:
- $their_code.infer(@dataset#data, @dataset_dir, @output_dir, @resume_inference, @ending)
ending: 0
"""
CODE = """
import csv, pathlib, sys
from PIL import Image

def infer(items, dataset_dir, output_dir, resume, ending):
    assert resume is True
    path = pathlib.Path(output_dir) / "predictions.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "status", "reason", "flags", "tb_score", "tb_probability", "tb"])
        for item in items:
            name = pathlib.Path(item["image"]).relative_to(dataset_dir).as_posix()
            probability = Image.open(item["image"]).getpixel((0, 0)) / 255
            rows.writerow([name, "ok", "", "", probability, probability, int(probability > 0.5)])
    sys.exit(ending)
"""


@pytest.fixture
def scores(tmp_path: Path) -> MadeUpScores:
    """An index of which eight images are there; the positive ones are bright."""
    made = make_scores(tmp_path)
    rows = [row for row in made.index() if row["dataset"] == "north"][:8]
    for number, row in enumerate(rows):
        path = made.data / row["image"]
        path.parent.mkdir(parents=True, exist_ok=True)
        value = 150 + 10 * number if row["tb"] == "1" else 40 + 10 * number
        Image.fromarray(np.full((70, 70), value, dtype=np.uint8)).save(path)
    made.write_index([row | {"cls_split": "test" if number < 6 else "val"} for number, row in enumerate(rows)])
    return made


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of two files, and an overlay that fails."""
    folder = tmp_path / "bundle"
    (folder / "configs").mkdir(parents=True)
    (folder / "configs/inference.yaml").write_text(INFERENCE)
    (folder / "configs/evaluate.yaml").write_text("split_column: cls_split\n")
    (folder / "configs/broken.yaml").write_text("ending: 1\n")
    (tmp_path / "code").mkdir()
    (tmp_path / "code/their_code.py").write_text(textwrap.dedent(CODE))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    return folder


def test_the_bundle_runs_on_the_chosen_images_and_is_reported(
    scores: MadeUpScores, bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = ["--index", str(scores.data), "--output", str(tmp_path / "out"), "--repeats", "5", "--processes", "1"]
    options = ["--bundle", str(bundle), *output, "--splits", "test", "--subgroups", "--no_images"]
    assert main(["report", *options]) == 0
    record = json.loads((tmp_path / "out/report.json").read_text())
    verdict = one(record["verdict"], dataset="north")
    assert (verdict["n"], verdict["estimate"]) == (6, 1.0)
    assert len((tmp_path / "out/run/predictions.csv").read_text().splitlines()) == 7
    # A run that ends badly ends the report; what is there stays.
    assert main(["report", *options, "--overlays", "broken"]) == 1
    assert "its inference has ended with status 1" in capfd.readouterr().err
    assert main(["report", *options, "--overlays", "nothing"]) == 1
    assert "nothing.yaml: no such file" in capfd.readouterr().err
    assert main(["report", *output]) == 1
    assert "no RUN and no --bundle" in capfd.readouterr().err


def test_the_column_of_the_lists_is_that_of_the_bundle(bundle: Path) -> None:
    root = Path(__file__).parents[2] / "bundles"
    columns = {name: bundle_split_column(root / name) for name in ("lung_seg", "tb_cls", "tb_seg")}
    assert columns == {"lung_seg": "seg_split", "tb_cls": "cls_split", "tb_seg": "det_split"}
    (bundle / "configs/evaluate.yaml").unlink()
    assert bundle_split_column(bundle) == ""
