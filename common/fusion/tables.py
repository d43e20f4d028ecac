"""Tables of what the readers of a study marked and how far they agree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .agreement import cohen_kappa, fleiss_kappa, pair_dice
from .image_fusion import OK, ImageResult
from .raters import Rater

#: Digits of figures in tables.
_DIGITS = 6


@dataclass(frozen=True)
class Agreement:
    """Agreement of all readers of a study, over the images that all of them have read.

    Attributes:
        images: number of those images.
        pixel_fleiss_kappa: Fleiss' kappa of all their pixels; NaN without images.
        image_fleiss_kappa: Fleiss' kappa of the decision whether an image shows anything to mark.
        mean_pair_dice: mean over images (of all that were fused) of the mean Dice of all pairs.
    """

    images: int
    pixel_fleiss_kappa: float
    image_fleiss_kappa: float
    mean_pair_dice: float

    def record(self) -> dict[str, float | None]:
        """The figures as JSON can hold them."""
        return {name: None if math.isnan(value) else _round(value) for name, value in asdict(self).items()}


def study_agreement(results: Sequence[ImageResult], raters: Sequence[str]) -> Agreement:
    """Agreement over all images of a study."""
    votes = np.zeros(len(raters) + 1)
    marking = []
    for result in results:
        if result.votes is not None:
            votes += result.votes
            marking.append(sum(reader["area_fraction"] > 0 for reader in result.readers.values()))
    return Agreement(
        images=len(marking),
        pixel_fleiss_kappa=fleiss_kappa([[n, len(raters) - n] for n in range(len(raters) + 1)], votes),
        image_fleiss_kappa=fleiss_kappa([[n, len(raters) - n] for n in marking]) if marking else math.nan,
        mean_pair_dice=_mean(result.columns["mean_pair_dice"] for result in results if result.status == OK),
    )


def image_rows(results: Sequence[ImageResult]) -> list[dict[str, Any]]:
    """One row an image: status, reason, flags and figures."""
    return [
        {"image": result.image, "status": result.status, "reason": result.reason, "flags": " ".join(result.flags)}
        | _rounded(result.columns)
        for result in results
    ]


def reader_image_rows(results: Sequence[ImageResult]) -> list[dict[str, Any]]:
    """One row an image and reader who has read it."""
    return [
        {"image": result.image, "reader": reader} | _rounded(figures)
        for result in results
        for reader, figures in result.readers.items()
    ]


def rater_rows(results: Sequence[ImageResult], raters: Sequence[Rater]) -> list[dict[str, Any]]:
    """One row a reader.

    Returns:
        ``reader``; ``format``; ``images``: fused images the reader has read; ``marked``: those with a mark;
        ``sensitivity`` and ``specificity``: means over the images on which readers differ, for on the others both are
        1 whatever the reader is worth; ``dice``: mean Dice with the consensus over all images, 1 for empty against
        empty; ``dice_marked``: mean over the images where reader or consensus has a pixel; ``mean_area_fraction``: of
        all images read.
    """
    rows = []
    for rater in raters:
        read = [(result, result.readers[rater.name]) for result in results if rater.name in result.readers]
        figures = [reader for _, reader in read]
        differing = [reader for result, reader in read if result.columns["disputed_fraction"] > 0]
        marked = [
            reader["dice"]
            for result, reader in read
            if reader["area_fraction"] > 0 or result.columns["consensus_area_fraction"] > 0
        ]
        row: dict[str, Any] = {
            "reader": rater.name,
            "format": rater.kind,
            "images": len(read),
            "marked": sum(reader["area_fraction"] > 0 for reader in figures),
            "sensitivity": _mean(reader["sensitivity"] for reader in differing),
            "specificity": _mean(reader["specificity"] for reader in differing),
            "dice": _mean(reader["dice"] for reader in figures),
            "dice_marked": _mean(marked),
            "mean_area_fraction": _mean(reader["area_fraction"] for reader in figures),
        }
        rows.append(_rounded(row))
    return rows


def pair_rows(results: Sequence[ImageResult], raters: Sequence[str]) -> list[dict[str, Any]]:
    """One row a pair of readers.

    Returns:
        ``reader_a``, ``reader_b``; ``images``: fused images that both have read; ``dice``: mean over them, 1 for empty
        against empty; ``dice_marked``: mean over those where either marked something; ``pixel_kappa``: Cohen's kappa
        of all their pixels; ``image_kappa``: that of the decision whether an image shows anything to mark.
    """
    rows = []
    for first, second in combinations(range(len(raters)), 2):
        both = [
            result.pairs[first, second]
            for result in results
            if result.pairs is not None and {raters[first], raters[second]} <= set(result.readers)
        ]
        counts = np.array(both, dtype=np.int64).reshape(-1, 2, 2)
        dice = pair_dice(counts)
        marked_a, marked_b = counts[:, 1].sum(axis=1) > 0, counts[:, :, 1].sum(axis=1) > 0
        images = np.zeros((2, 2), dtype=np.int64)
        np.add.at(images, (marked_a.astype(int), marked_b.astype(int)), 1)
        row: dict[str, Any] = {
            "reader_a": raters[first],
            "reader_b": raters[second],
            "images": len(both),
            "dice": _mean(dice),
            "dice_marked": _mean(dice[marked_a | marked_b]),
            "pixel_kappa": cohen_kappa(counts.sum(axis=0)),
            "image_kappa": cohen_kappa(images),
        }
        rows.append(_rounded(row))
    return rows


def _mean(values: Iterable[float]) -> float:
    """The mean of those that are numbers; NaN when none is."""
    known = [float(value) for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    """Figures with a fixed number of digits; empty where there is none."""
    return {
        name: ("" if math.isnan(value) else _round(value)) if isinstance(value, float) else value
        for name, value in row.items()
    }


def _round(value: float) -> float:
    return round(value, _DIGITS)
