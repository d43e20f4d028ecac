"""Agreement of places with the reader's texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_regions import HEIGHT, WIDTH, MadeUpRegions, save

from common.data.reader_text import Place, parse_reader_text
from common.evaluation import clopper_pearson, findings_agreement
from common.evaluation.__main__ import main
from common.evaluation.findings_agreement import agreement_rows, side_confusion, strongest_pixel

#: Blocks on the picture: the patient's right is on the picture's left.
RIGHT_UPPER, LEFT_UPPER, LEFT_LOWER = (10, 5, 10, 10), (70, 5, 10, 10), (70, 55, 10, 10)

#: Image -> the reader's text, the strongest region, where the map is strongest.
CASES = {
    "a": ("PTB in the right upper field", RIGHT_UPPER, RIGHT_UPPER),
    "b": ("right PTB", LEFT_UPPER, RIGHT_UPPER),
    "c": ("left PTB", LEFT_LOWER, LEFT_LOWER),
    "d": ("left PTB, pleurisy", None, None),
    "e": ("bilateral PTB", RIGHT_UPPER, RIGHT_UPPER),
    "f": ("PTB", RIGHT_UPPER, RIGHT_UPPER),
    "g": ("PTB in the left upper field", LEFT_LOWER, LEFT_LOWER),
}


@pytest.fixture
def made(tmp_path: Path) -> MadeUpRegions:
    """The images of :data:`CASES`, and one without TB whose text does not count."""
    made = MadeUpRegions(tmp_path / "data")
    run = made.run("run")
    for name, (text, region, strongest) in CASES.items():
        made.add_image(name, None, findings=text, cls_split="test")
        found = [] if region is None else [(region, 0.9), ((40, 60, 8, 8), 0.2)]
        made.localise(run, name, [] if strongest is None else [(strongest, 255)], found)
    made.add_image("normal", None, findings="normal", tb="0", cls_split="test")
    return made


def run_of(made: MadeUpRegions) -> Path:
    """The run of :func:`made`."""
    return made.data.parent / "run"


def test_agreement_by_hand(made: MadeUpRegions) -> None:
    found = findings_agreement(run_of(made), made.data)
    rows = found.agreement.set_index(["of", "question"])
    # One side only: a, b, c, d, g; the region of b is on the other side, and d has none.
    sides = rows.loc[("strongest region", "side")]
    assert sides[["dataset", "n", "agree", "share"]].tolist() == ["north", 5, 3, 0.6]
    assert sides[["low", "high"]].tolist() == pytest.approx([float(end) for end in clopper_pearson(3, 5)])
    # Left is named three times.
    assert sides[["commonest", "commonest_share"]].tolist() == ["left", 0.6]
    assert rows.loc[("maximum of the map", "side"), ["n", "agree"]].tolist() == [5, 4]
    # A zone is named in a and g; the region of g lies too low.
    zones = rows.loc[("strongest region", "side and zone")]
    assert zones[["n", "agree", "commonest", "commonest_share"]].tolist() == [2, 1, "right upper", 0.5]
    confusion = found.confusion.set_index(["of", "stated"])[["right", "left", "nowhere"]]
    assert confusion.loc[("strongest region", "right")].tolist() == [1, 1, 0]
    assert confusion.loc[("strongest region", "left")].tolist() == [0, 2, 1]
    assert confusion.loc[("strongest region", "both")].tolist() == [1, 0, 0]
    assert confusion.loc[("maximum of the map", "right")].tolist() == [2, 0, 0]
    coverage = found.coverage[0]
    assert [coverage[name] for name in ("texts", "side", "one_sided", "zone", "compared")] == [7, 6, 5, 2, 7]
    assert coverage["without_place"] == {"PTB": 1}


def test_places_are_those_of_the_lungs_where_a_mask_is_known(made: MadeUpRegions, tmp_path: Path) -> None:
    """The middle of the image is 48. With lungs from 0 to 30 only, a region at 20 lies on the patient's left."""
    run = run_of(made)
    made.localise(run, "a", [((18, 5, 4, 4), 255)], [((18, 5, 4, 4), 0.9)])
    made.localise(run, "b", [((18, 5, 4, 4), 255)], [((18, 5, 4, 4), 0.9)])
    lungs = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    lungs[0:12, 0:30] = 255
    save(made.data / "lungs/a.png", lungs)
    made.change("a", lung_mask="lungs/a.png")
    save(tmp_path / "lung_seg" / made.image("b").replace(".png", "_lungs.png"), lungs)
    save(tmp_path / "lung_seg" / made.image("c").replace(".png", "_lungs.png"), np.zeros_like(lungs))
    table = findings_agreement(run, made.data, lungs_dir=tmp_path / "lung_seg").per_image.set_index("image")
    columns = ["lungs", "region_side", "region_zone", "maximum_side", "maximum_zone"]
    assert table.loc[made.image("a"), columns].tolist() == ["mask of the index", "left", "middle", "left", "middle"]
    assert table.loc[made.image("b"), columns].tolist() == ["mask of lung_seg", "left", "middle", "left", "middle"]
    assert table.loc[made.image("c"), columns].tolist() == ["none", "left", "lower", "left", "lower"]
    without = findings_agreement(run, made.data)
    assert without.coverage[0]["without_lung_mask"] == 6
    assert without.per_image.set_index("image").loc[made.image("b"), "region_side"] == "right"


def test_nowhere_is_never_an_agreement() -> None:
    texts = [parse_reader_text(text) for text in ("right PTB", "bilateral PTB", "PTB in the upper field")]
    sides, zones = agreement_rows([None, None, None], texts)
    assert (sides["n"], sides["agree"]) == (1, 0)
    assert (zones["n"], zones["agree"]) == (1, 0)
    assert zones["commonest_share"] == 1
    none, _ = agreement_rows([Place("right", "upper")], [frozenset()])
    assert none["n"] == 0
    assert np.isnan([none["share"], none["low"], none["commonest_share"]]).all()
    assert sum(row["nowhere"] for row in side_confusion([None, None, None], texts)) == 2


def test_of_several_strongest_pixels_the_middle_one_counts() -> None:
    evidence = np.zeros((9, 5), dtype=np.float32)
    assert strongest_pixel(evidence) is None
    evidence[2:7, 3] = 1
    assert strongest_pixel(evidence) == (4, 3)
    evidence[8, 0] = 1.5
    assert strongest_pixel(evidence) == (8, 0)


def test_the_verb_prints_writes_and_lists(made: MadeUpRegions, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = run_of(made), made.data.parent / "out"
    made.add_image("h", None, findings="left PTB", cls_split="test")
    made.save_evidence(run, "c", np.zeros((HEIGHT, WIDTH), dtype=np.uint16))
    options = ["--index", str(made.data), "--splits", "test", "--output", str(out)]
    assert main(["findings-agreement", str(run), *options]) == 3
    printed = capsys.readouterr()
    assert printed.err.splitlines()[0].startswith("failed: north/images/c.png: ")
    assert printed.err.splitlines()[1].startswith("missing: north/images/h.png: not in ")
    assert "| north | 8 | 7 | 6 | 2 | 6 | 1 | 1 | 6 |" in printed.out
    assert "“PTB” (1)" in printed.out
    assert (out / "summary.md").read_text() in printed.out
    assert len(pd.read_csv(out / "per_image.csv")) == 8
    record = json.loads((out / "summary.json").read_text())
    assert record["agreement"][0]["n"] == 4
    assert record["settings"]["run"]["method"] == "cam"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"findings": ""}, "no selected row has tb 1 and a text in findings"),
        ({"tb": "0"}, "no selected row has tb 1 and a text in findings"),
        ({"image": "elsewhere.png"}, "no image could be compared; elsewhere.png: not in"),
    ],
)
def test_what_cannot_start_ends_in_one_line(
    made: MadeUpRegions, capsys: pytest.CaptureFixture[str], rows: dict[str, str], message: str
) -> None:
    made.write_index([made.index()[0] | rows])
    assert main(["findings-agreement", str(run_of(made)), "--index", str(made.data)]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert message in printed
