"""Side and zone of tuberculosis in the words of the reader of the Shenzhen set, and side and zone of a box.

The set's `findings` are short phrases such as "PTB in the right upper field" or "bilateral PTB, right pleurisy". They
are the only truth of place that the set has. Free reports, like those of the Montgomery set, are beyond this parser and
give no place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

#: The patient's sides, and thirds of the lung field from the top.
SIDES = ("right", "left")
ZONES = ("upper", "middle", "lower")

DISEASE = {"tb", "ptb", "stb", "tuberculosis", "tuberculoma"}
#: Words beside sides, zones and the disease that a phrase of known meaning consists of ("thel" is in the data).
OTHER_WORDS = {"in", "the", "thel", "and", "field", "fields", "lobe", "old", "small", "pneumonia"}
KINDS = {"secondary", "acute", "subacute", "hematogenous", "disseminated"}
KNOWN = DISEASE | KINDS | OTHER_WORDS | {*SIDES, *ZONES, "bilateral"}

#: What ends a phrase: the next one is about something else.
PHRASE_END = re.compile(r"[,;?]|\bwith\b|\b\d+\.")


class Place(NamedTuple):
    """Where in the lungs.

    Args:
        side: the patient's, "right" or "left"; empty where it is not said.
        zone: "upper", "middle" or "lower"; empty where it is not said.
    """

    side: str
    zone: str


def parse_reader_text(text: str) -> frozenset[Place]:
    """Places of tuberculosis that a reader's text names.

    Phrases about tuberculosis count; what else is found (pleurisy, pneumothorax) does not, unless no phrase names
    tuberculosis at all. A phrase with a word outside the vocabulary is not understood and counts for nothing.

    Args:
        text: an entry of the index column ``findings``.

    Returns:
        All places; "bilateral PTB" gives (right, "") and (left, ""); empty where the text names none ("PTB") or is not
        understood.
    """
    phrases = [set(re.findall(r"[a-z]+", phrase)) for phrase in PHRASE_END.split(text.lower())]
    of_disease = [words for words in phrases if words & DISEASE] or phrases
    return frozenset(place for words in of_disease if words <= KNOWN for place in _places(words))


def _places(words: Set[str]) -> list[Place]:
    sides = SIDES if "bilateral" in words else tuple(side for side in SIDES if side in words)
    zones = tuple(zone for zone in ZONES if zone in words)
    if not sides and not zones:
        return []
    return [Place(side, zone) for side in sides or ("",) for zone in zones or ("",)]


def named_side(places: Set[Place]) -> str:
    """The one side that the places lie on; empty for both, or where none is named."""
    sides = {place.side for place in places} - {""}
    return sides.pop() if len(sides) == 1 else ""


@dataclass(frozen=True)
class ReaderCoverage:
    """How many of a set's texts give a place.

    Args:
        texts: all of them.
        side: those that name a side.
        one_sided: those that name one side only.
        zone: those that name a zone.
        without_place: the texts that give no place, with their number.
    """

    texts: int
    side: int
    one_sided: int
    zone: int
    without_place: dict[str, int]

    def __str__(self) -> str:
        lines = [f"{self.texts} texts: side {self.side}, one side only {self.one_sided}, zone {self.zone}"]
        return "\n".join([*lines, *(f"  no place ({count}): {text}" for text, count in self.without_place.items())])


def reader_coverage(texts: Iterable[str]) -> ReaderCoverage:
    """Count what :func:`parse_reader_text` finds in the texts of radiographs with tuberculosis."""
    texts = list(texts)
    found = [parse_reader_text(text) for text in texts]
    return ReaderCoverage(
        texts=len(texts),
        side=sum(any(place.side for place in places) for places in found),
        one_sided=sum(bool(named_side(places)) for places in found),
        zone=sum(any(place.zone for place in places) for places in found),
        without_place=dict(
            Counter(text for text, places in zip(texts, found, strict=True) if not places).most_common()
        ),
    )


def box_place(box: Sequence[float], lungs: Sequence[float]) -> Place:
    """Side and zone of a box, by its centre.

    The patient's right is on the picture's left; the middle of the box around both lungs parts the sides, thirds of
    its height part the zones. What lies above or below the lungs counts to the nearest zone.

    Args:
        box: (x, y, w, h), origin top left.
        lungs: (x, y, w, h) of the box around both lungs, in the same pixels.

    Raises:
        ValueError: lungs without width or height.
    """
    x, y, w, h = lungs
    if w <= 0 or h <= 0:
        raise ValueError(f"the box of the lungs {list(lungs)} needs a width and a height")
    side = SIDES[int(box[0] + box[2] / 2 >= x + w / 2)]
    third = int((box[1] + box[3] / 2 - y) * 3 // h)
    return Place(side, ZONES[min(max(third, 0), 2)])


def place_agrees(place: Place, stated: Set[Place]) -> tuple[bool | None, bool | None]:
    """Whether a place is where the reader says: by side, and by side and zone.

    Args:
        place: of a box.
        stated: places of a text.

    Returns:
        Agreement of the side, None where the reader names no side; agreement of side and zone, None where the reader
        names no zone (on that side).
    """
    sides = {each.side for each in stated} - {""}
    here = {each.zone for each in stated if each.side in ("", place.side) and each.zone}
    somewhere = any(each.zone for each in stated)
    on_side = place.side in sides if sides else None
    if on_side is False:
        return False, False if somewhere else None
    return on_side, place.zone in here if here else None
