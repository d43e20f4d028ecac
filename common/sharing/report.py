"""An inspection as lines of text."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator

from .inspect_archive import Inspection
from .listing import Entry

_TITLES = {
    "target": "Classes and functions that configurations make or call",
    "expression": "Expressions that configurations evaluate",
    "import": "Modules that the code imports",
}
_LONGEST = 200


def describe(found: Inspection, *, marked_only: bool = False) -> Iterator[str]:
    """Lines about a bundle; what is unusual starts with ``!!`` and comes again, all together, at the end.

    Args:
        found: the inspection.
        marked_only: leave out everything else.
    """
    size = sum(found.files.values())
    yield f"{shown(found.name)}: {len(found.files)} files, {size:,} bytes, {shown(found.signature)}"
    if not marked_only:
        yield ""
        yield "Where it says it comes from (only a signature proves it)"
        yield from (f"  {shown(line)}" for line in json.dumps(found.provenance, indent=2).splitlines())
        for kind, title in _TITLES.items():
            yield ""
            yield title
            yield from _lines([entry for entry in found.entries if entry.kind == kind], by_text=kind == "import")
        yield ""
        yield "Weights"
        for name, tensors in found.tensors.items():
            yield f"  {shown(name)}: {len(tensors)} tensors, {found.files[name]:,} bytes"
            yield from (f"    {shown(item.name)} {list(item.shape)} {item.dtype}" for item in tensors)
        yield ""
        yield "Files"
        yield from (f"  {size:>12,}  {shown(name)}" for name, size in found.files.items())
        yield ""
    yield f"Unusual: {len(found.marked)}" if found.marked else "Nothing unusual"
    yield from _lines(found.marked, by_text=False)


def _lines(entries: list[Entry], *, by_text: bool) -> Iterator[str]:
    if by_text:
        # Modules import the same things again and again.
        places: dict[tuple[str, str], list[str]] = {}
        for entry in entries:
            places.setdefault((entry.text, entry.mark), []).append(entry.place)
        for (text, mark), found in sorted(places.items()):
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            yield _line(Entry("import", found[0] + more, text, mark))
    else:
        yield from map(_line, entries)


def _line(entry: Entry) -> str:
    sign = "!!" if entry.mark else "  "
    return " ".join(
        part
        for part in (sign, shown(entry.place), shown(entry.text), f"({shown(entry.mark)})" * bool(entry.mark))
        if part
    )


def shown(text: str) -> str:
    """Text of a received file as a terminal may have it: control characters as escapes, and not without end."""
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return "".join(
        letter if unicodedata.category(letter)[0] != "C" else letter.encode("unicode_escape").decode()
        for letter in text
    )
