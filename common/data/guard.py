"""Refusal to train on what is tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .overlap import find_overlaps, foreign_origin
from .parallel import parallel_map
from .pixels import read_radiograph
from .signature import Signature, signature

_SHOWN = 5


class OverlapError(UsageError):
    """Training and held-out items share images."""


def refuse_overlap(
    training: Sequence[Mapping[str, Any]],
    held_out: Sequence[Mapping[str, Any]],
    *,
    pictures: bool = True,
    processes: int = 1,
    progress: bool = True,
) -> None:
    """Raise when an image to train on is also one to validate or test on.

    Three things count: the same file; a training file of one site whose name or folder says that it comes from a site
    of the held-out items (TBX11K's "all" lists name Montgomery, Shenzhen, DA and DB images); and, with ``pictures``,
    the same picture under another name, in another encoding or size. Similar films, probably of one patient, are left
    to ``python -m common.data check``.

    Args:
        training: items with ``image`` (path) and, where it is known, ``site``, as :func:`common.data.lung_items` makes
            them.
        held_out: items of the same kind.
        pictures: whether to read and compare the pictures, about 10 ms each.
        processes: worker processes that read them.
        progress: whether to draw a progress bar.

    Raises:
        OverlapError: with the first of the pairs.
        RadiographError: a picture that cannot be read.
    """
    problems = _same_files(training, held_out) + _foreign_files(training, held_out)
    if pictures and not problems:
        prints = _signatures([*training, *held_out], processes, progress)
        for overlap in find_overlaps(prints[: len(training)], prints[len(training) :]):
            if overlap.kind != "similar":
                pair = f"{training[overlap.first]['image']} and {held_out[overlap.second]['image']}"
                problems.append(f"{pair} are the same picture (correlation {overlap.correlation:.2f})")
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise OverlapError(
            f"{len(problems)} training images are held out as well: {'; '.join(problems[:_SHOWN])}{more}. "
            "Take them out of one of the two lists."
        )


def _same_files(training: Sequence[Mapping[str, Any]], held_out: Sequence[Mapping[str, Any]]) -> list[str]:
    kept = {Path(item["image"]).resolve() for item in held_out}
    return [f"{item['image']} is in both lists" for item in training if Path(item["image"]).resolve() in kept]


def _foreign_files(training: Sequence[Mapping[str, Any]], held_out: Sequence[Mapping[str, Any]]) -> list[str]:
    sites = {item.get("site") for item in held_out}
    problems = []
    for item in training:
        origin = foreign_origin(str(item["image"]))
        if origin in sites and origin != item.get("site"):
            problems.append(f"{item['image']} of {item.get('site')} comes from {origin}, which is held out")
    return problems


def _signatures(items: Sequence[Mapping[str, Any]], processes: int, progress: bool) -> list[Signature]:
    paths = [str(item["image"]) for item in items]
    return parallel_map(_signature, paths, processes=processes, description="comparing", progress=progress)


def _signature(path: str) -> Signature:
    return signature(read_radiograph(path))
