"""Side and zone in the words of the Shenzhen reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.data import read_index
from common.data.reader_text import (
    Place,
    box_place,
    named_side,
    parse_reader_text,
    place_agrees,
    reader_coverage,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("normal", ""),
        ("PTB", ""),
        ("STB", ""),
        ("", ""),
        ("PTB in the right upper field", "right-upper"),
        ("right upper PTB", "right-upper"),
        ("right upper field PTB", "right-upper"),
        ("secondary PTB in thel left upper field", "left-upper"),
        ("secondary PTB in the right middle field", "right-middle"),
        ("Old PTB in the right upper field", "right-upper"),
        ("left PTB", "left-"),
        ("Right PTB", "right-"),
        ("bilateral PTB", "right- left-"),
        ("bilateral subacute hematogenous disseminated PTB", "right- left-"),
        ("PTB in the bilateral upper fields", "right-upper left-upper"),
        ("PTB in the bilateral upper and middle field", "right-upper right-middle left-upper left-middle"),
        ("PTB in the middle lower field", "-middle -lower"),
        ("Left secondary PTB in the upper and middle fields, mainly fibrous lesions", "left-upper left-middle"),
        # What is not tuberculosis has no say.
        ("bilateral PTB ?right pleurisy with pleural effusion", "right- left-"),
        ("left secondary PTB,right pleural effusion", "left-"),
        ("right upper PTB, pleural adhesions in left lower field", "right-upper"),
        ("Right pneumothorax, Right upper PTB, bilateral widespread infection", "right-upper"),
        ("right secondary PTB with bilateral pleurisy", "right-"),
        ("bilateral PTB, with cavity formation in right upper field", "right- left-"),
        (
            "1.secondary PTB in the right upper field; 2.small tuberculoma; 3.right pleural thickening and adhesions",
            "right-upper",
        ),
        (
            "1.bilateral secondary PTB with right upper atelectasis;2.right pleural adhesions;3.left emphysema",
            "right- left-",
        ),
        # Unless nothing is.
        ("right upper pneumonia", "right-upper"),
        # Free reports are not understood rather than misread.
        ("RUL infiltrate consistent with TB", ""),
        ("active TB with a large cavity and a moderate pleural effusion on the left", ""),
        ("RUL fibrocavitary disease with volume loss and tracheal deviation to right", ""),
        ("no TB on the left", ""),
    ],
)
def test_phrases(text: str, expected: str) -> None:
    assert {"-".join(place) for place in parse_reader_text(text)} == set(expected.split())


def test_coverage() -> None:
    texts = ["bilateral PTB", "left PTB", "PTB", "PTB in the right upper field", "PTB", "PTB in the middle field"]
    coverage = reader_coverage(texts)
    assert (coverage.texts, coverage.side, coverage.one_sided, coverage.zone) == (6, 3, 2, 2)
    assert coverage.without_place == {"PTB": 2}
    assert str(coverage) == "6 texts: side 3, one side only 2, zone 2\n  no place (2): PTB"


@pytest.mark.data
def test_coverage_of_the_shenzhen_set(cxr_data: Path) -> None:
    index = read_index(cxr_data)
    texts = index.loc[(index["dataset"] == "shenzhen") & (index["tb"] == "1"), "findings"]
    coverage = reader_coverage(texts)
    print(coverage)
    assert coverage.texts == 336
    assert coverage.side == 313
    assert coverage.one_sided == 191
    assert coverage.zone == 125
    assert set(coverage.without_place) == {"PTB", "TB", "STB"}
    normal = index.loc[(index["dataset"] == "shenzhen") & (index["tb"] == "0"), "findings"]
    assert reader_coverage(normal).side == 0


@pytest.mark.data
def test_free_reports_are_not_misread(cxr_data: Path) -> None:
    index = read_index(cxr_data)
    assert reader_coverage(index.loc[index["dataset"] == "montgomery", "findings"]).side == 0


LUNGS = (100, 50, 300, 240)


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((110, 60, 40, 40), ("right", "upper")),  # the patient's right is on the picture's left
        ((340, 60, 40, 40), ("left", "upper")),
        ((230, 100, 40, 60), ("left", "middle")),  # its centre lies on the middle line
        ((229, 100, 40, 59), ("right", "upper")),
        ((300, 190, 20, 39), ("left", "middle")),
        ((300, 190, 20, 40), ("left", "lower")),
        ((0, 0, 10, 10), ("right", "upper")),  # above the lungs
        ((390, 400, 20, 20), ("left", "lower")),
    ],
)
def test_the_place_of_a_box(box: tuple[int, ...], place: tuple[str, str]) -> None:
    assert box_place(box, LUNGS) == place


def test_lungs_without_area() -> None:
    with pytest.raises(ValueError, match="needs a width and a height"):
        box_place((0, 0, 1, 1), (0, 0, 0, 10))


@pytest.mark.parametrize(
    ("place", "text", "side", "zone"),
    [
        (("right", "upper"), "PTB in the right upper field", True, True),
        (("right", "lower"), "PTB in the right upper field", True, False),
        (("left", "upper"), "PTB in the right upper field", False, False),
        (("right", "lower"), "right PTB", True, None),
        (("left", "lower"), "right PTB", False, None),
        (("left", "lower"), "PTB", None, None),
        (("left", "lower"), "PTB in the middle lower field", None, True),
        (("left", "upper"), "PTB in the middle lower field", None, False),
        (("left", "upper"), "bilateral PTB", True, None),
    ],
)
def test_agreement(place: tuple[str, str], text: str, side: bool | None, zone: bool | None) -> None:
    assert place_agrees(Place(*place), parse_reader_text(text)) == (side, zone)


def test_the_side_of_one_sided_cases() -> None:
    assert named_side(parse_reader_text("left PTB,left pleurisy")) == "left"
    assert named_side(parse_reader_text("bilateral PTB")) == ""
    assert named_side(parse_reader_text("PTB in the middle lower field")) == ""
