"""What is wrong with the data that a report stands on: counted, listed, never dropped in silence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ERROR, WARNING, NOTE = "error", "warning", "note"


@dataclass(frozen=True)
class Issue:
    """One finding about the data.

    Args:
        severity: "error" takes images out of the figures or falsifies them, "warning" wants to be looked at, "note"
            is good to know.
        kind: what it is, in a few words; the same for all findings of a kind.
        where: model, site or file concerned.
        message: what was found and what became of it.
        images: paths of the images concerned, all of them.
        count: how many of whatever is counted; the number of images unless stated.
    """

    severity: str
    kind: str
    where: str
    message: str
    images: tuple[str, ...] = ()
    count: int | None = None

    def record(self) -> dict[str, Any]:
        """Ready for JSON."""
        count = len(self.images) if self.count is None else self.count
        return asdict(self) | {"images": list(self.images), "count": count}


def issue(severity: str, kind: str, where: str, message: str, images: Iterable[str] = ()) -> list[Issue]:
    """A list with the finding, empty when no image is concerned."""
    listed = tuple(images)
    return [Issue(severity, kind, where, message, listed)] if listed else []


def in_order(issues: Sequence[Issue]) -> list[Issue]:
    """Errors first, then warnings and notes; within these as they were found."""
    return sorted(issues, key=lambda found: (ERROR, WARNING, NOTE).index(found.severity))
