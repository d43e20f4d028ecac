"""Agreement of outlined lesions with the reader's texts."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from made_up_lesions import mask_path, save_probability
from made_up_regions import MadeUpRegions, picture, save
from made_up_scores import write_rows

from common.evaluation import evaluate_lesions, findings_agreement
from common.evaluation.__main__ import main
from common.localization import Region, write_regions

#: Blocks on the picture: the patient's right is on the picture's left.
RIGHT_UPPER, LEFT_UPPER, LEFT_LOWER = (10, 5, 10, 10), (70, 5, 10, 10), (70, 55, 10, 10)

#: Image -> the reader's text, and lesions with scores.
CASES = {
    "a": ("PTB in the right upper field", [(RIGHT_UPPER, 0.9)]),
    "b": ("left PTB", [(RIGHT_UPPER, 0.3), (LEFT_LOWER, 0.8)]),
    "c": ("right PTB", [(LEFT_UPPER, 0.6)]),
    "d": ("left PTB", []),
    "e": ("PTB", [(LEFT_UPPER, 0.6)]),
}


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRegions:
    """The images of :data:`CASES`, none with boxes, and a normal one; ``run`` is the output of a segmentation."""
    made = MadeUpRegions(tmp_path / "data")
    run = tmp_path / "run"
    regions = {}
    for name, (text, lesions) in {**CASES, "normal": ("normal", [])}.items():
        made.add_image(name, None, findings=text, tb=str(int(name != "normal")), cls_split="test")
        save(mask_path(run, name), picture([(box, 255) for box, _ in lesions]))
        # The order of the file must not matter.
        regions[made.image(name)] = [Region(box, score) for box, score in lesions]
    write_regions(run / "lesions.json", regions)
    return made


def test_the_strongest_lesion_stands_for_the_image(made: MadeUpRegions) -> None:
    found = findings_agreement(made.data.parent / "run", made.data)
    assert found.agreement["of"].unique().tolist() == ["strongest region"]
    sides, zones = (found.agreement[found.agreement["question"] == name].iloc[0] for name in ("side", "side and zone"))
    # a and b agree; c is on the other side, and on d nothing was outlined.
    assert sides[["n", "agree"]].tolist() == [4, 2]
    assert zones[["n", "agree"]].tolist() == [1, 1]
    assert found.coverage[0]["texts"] == 5
    assert found.coverage[0]["without_place"] == {"PTB": 1}
    table = found.per_image.set_index("image")
    assert table.loc[made.image("b"), ["region_side", "region_zone"]].tolist() == ["left", "lower"]
    assert "maximum_side" not in table


def test_with_probability_maps_their_maximum_is_compared_too(made: MadeUpRegions) -> None:
    run = made.data.parent / "run"
    for name in CASES:
        # Of d the map is highest on the left, though nowhere high enough for a lesion.
        block = LEFT_UPPER if name == "d" else RIGHT_UPPER
        save_probability(run, name, picture([(block, 100)]) / 255)
    found = findings_agreement(run, made.data)
    sides = found.agreement[found.agreement["question"] == "side"].set_index("of")["agree"]
    assert sides.to_dict() == {"strongest region": 2, "maximum of the map": 3}


def test_it_is_part_of_the_evaluation_of_lesions(made: MadeUpRegions, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = made.data.parent / "run", made.data.parent / "out"
    mask_path(run, "e").unlink()
    options = ["--index", str(made.data), "--split_column", "cls_split", "--splits", "test", "--processes", "1"]
    assert main(["lesions", str(run), *options, "--output", str(out), "--repeats", "20"]) == 3
    printed = capsys.readouterr()
    assert printed.err.splitlines()[0].startswith("missing: north/images/e.png: ")
    assert "| north | strongest region | side | 4 | 2 | 0.500 [" in printed.out
    assert len(pd.read_csv(out / "findings/per_image.csv")) == 5
    record = json.loads((out / "summary.json").read_text())
    assert record["findings_agreement"]["agreement"][0]["agree"] == 2
    assert [entry["image"] for entry in record["problems"]] == [made.image("e")]
    assert record["outcomes"][0]["no_truth"] == 5


def test_images_without_a_prediction_do_not_stop_the_evaluation(made: MadeUpRegions) -> None:
    run = made.data.parent / "run"
    refused = [{"image": made.image(name), "status": "refused", "reason": "a film"} for name in CASES]
    write_rows(run / "predictions.csv", refused)
    found = evaluate_lesions(run, made.data, repeats=20)
    assert found.findings is None
    assert len(found.warnings) == 1
    assert "no agreement with the texts in findings" in found.warnings[0]
    assert "refused: a film" in found.warnings[0]
