"""Runs that outlined lesions, compared on the same images: of the arms of an ablation, say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .bootstrap import group_codes
from .compare import unpaired_images
from .errors import EvaluationError
from .files import write_table, write_text
from .frames import by_run
from .lesion_comparison_tables import comparison_markdown
from .lesion_figures import LESION_FIGURES, NORMAL
from .lesion_seeds import DETECTION, LesionTables, average_seeds, check_truths
from .lesion_summary import kinds, summarize_lesions
from .localization_summary import ALL, WITH_BOXES
from .paired import KEY, difference_figures, with_adjusted_p
from .resampling import draw_weights, varied_quantiles
from .subgroups import cohorts
from .summary import patients

PAIRED_COLUMNS = (
    *("baseline", "run", "dataset", "images", "metric", "n", "mean_difference", "low", "high"),
    *("better", "equal", "worse", "effect", "p_wilcoxon", "p_adjusted"),
)
#: Kinds of images that are compared; of the labels of boxes there is a summary only.
_KINDS = (ALL, WITH_BOXES, NORMAL)
DETECTION_COLUMNS = (
    *("run", "dataset", "figure", "iou", "images", "boxes", "estimate", "low", "high"),
    *("baseline", "difference", "difference_low", "difference_high"),
)


@dataclass(frozen=True)
class LesionComparison:
    """What :func:`compare_lesions` finds out.

    Args:
        figures: the summary of every run, see :func:`.lesion_summary.summarize_lesions`; by ``run``.
        paired: every other run against the baseline, image by image.
        detection: average precision by IoU and mean sensitivity of FROC of every run, and the difference to the
            baseline.
        unpaired: images that not every run has compared, which are left out: ``dataset``, ``image``, ``missing_in``.
        seeds: evaluations that stand behind each run.
    """

    figures: pd.DataFrame
    paired: pd.DataFrame
    detection: pd.DataFrame
    unpaired: pd.DataFrame
    seeds: Mapping[str, int]

    def save(self, output_dir: str | Path) -> None:
        """Write ``figures``, ``paired``, ``detection`` and ``unpaired`` as CSV, and ``comparison.md``.

        Args:
            output_dir: folder, made when missing.
        """
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("figures", "paired", "detection", "unpaired"):
            write_table(folder / f"{name}.csv", getattr(self, name))
        write_text(folder / "comparison.md", self.markdown())

    def markdown(self) -> str:
        """The comparison for people."""
        return comparison_markdown(self)


def compare_lesions(
    runs: Mapping[str, Sequence[LesionTables]], *, repeats: int = 2000, seed: int = 0
) -> LesionComparison:
    """Put evaluations of lesions side by side, on the images that all of them have.

    Of a run with several seeds, each figure of an image is the mean over the seeds, and so are those of all lesions
    together; one image stays one observation of the tests.

    Args:
        runs: evaluations by the name of the run, one a seed; the first run is the baseline.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.

    Returns:
        ``paired`` has one row a run, site, kind of images and figure with :data:`PAIRED_COLUMNS`: run minus baseline,
        see :func:`.paired.difference_figures`; its p values are corrected over the table. ``detection`` has one row a
        run, site with true boxes and figure with :data:`DETECTION_COLUMNS`; the intervals of its differences draw the
        same patients for both runs.

    Raises:
        EvaluationError: no image that all runs have, or runs that were measured against different truths or by
            different hit rules.
    """
    rules = {str(table.hit_rule): name for name, tables in runs.items() for table in tables}
    if len(rules) > 1:
        shown = " and ".join(f"{name} by {rule}" for rule, name in rules.items())
        raise EvaluationError(f"the hits of FROC were judged differently, {shown}; evaluate all with one --hit")
    averaged = {name: average_seeds(tables) for name, tables in runs.items()}
    unpaired = unpaired_images(averaged)
    left_out = set(unpaired["image"])
    common = {
        name: table[~table["image"].isin(left_out)].sort_values(KEY).reset_index(drop=True)
        for name, table in averaged.items()
    }
    (first, baseline), *others = common.items()
    if baseline.empty:
        raise EvaluationError(f"no image was compared by all of {', '.join(runs)}")
    for name, table in others:
        check_truths(baseline.set_index(KEY), table.set_index(KEY), first, name)
    paired = [row for name, table in others for row in _paired(baseline, table, repeats, seed, (first, name))]
    return LesionComparison(
        figures=by_run({name: summarize_lesions(table, repeats=repeats, seed=seed) for name, table in common.items()}),
        paired=with_adjusted_p(pd.DataFrame(paired, columns=list(PAIRED_COLUMNS))),
        detection=pd.DataFrame(_detection(runs, baseline, repeats, seed), columns=list(DETECTION_COLUMNS)),
        unpaired=unpaired,
        seeds={name: len(tables) for name, tables in runs.items()},
    )


def _paired(
    baseline: pd.DataFrame, table: pd.DataFrame, repeats: int, seed: int, names: tuple[str, str]
) -> Iterator[dict[str, Any]]:
    for dataset, _, _, images in cohorts(baseline):
        # One comparison of the same images under two names would count twice in the correction.
        seen: set[tuple[Any, ...]] = set()
        for kind, members in kinds(images):
            if kind not in _KINDS:
                continue
            for metric, info in LESION_FIGURES.items():
                if info.higher_is_better is None or (kind == ALL and info.images != ALL):
                    continue
                difference = (table.loc[members.index, metric] - members[metric]).dropna()
                key = (metric, *difference.index)
                if difference.empty or key in seen:
                    continue
                seen.add(key)
                who = patients(members.loc[difference.index])
                found = difference_figures(
                    difference.to_numpy(dtype=np.float64), who, info.higher_is_better, repeats=repeats, seed=seed
                )
                about = {"baseline": names[0], "run": names[1], "dataset": dataset, "images": kind, "metric": metric}
                yield {**about, **found}


def _detection(
    runs: Mapping[str, Sequence[LesionTables]], common: pd.DataFrame, repeats: int, seed: int
) -> Iterator[dict[str, Any]]:
    first = next(iter(runs))
    for dataset, _, _, images in cohorts(common):
        if not images["boxes"].any():
            continue
        codes = group_codes(patients(images), len(images))
        drawn = {
            # The first draw is the data as they are; those of all tables are the same.
            name: np.mean(
                [
                    each.draws(images, chain([np.ones(len(images))], draw_weights(codes, repeats, seed)))
                    for each in tables
                ],
                axis=0,
            )
            for name, tables in runs.items()
        }
        for name, values in drawn.items():
            gain = values - drawn[first]
            ends, gain_ends = varied_quantiles(values[1:], 0.95), varied_quantiles(gain[1:], 0.95)
            for place, (figure, iou) in enumerate(DETECTION):
                low, high = map(float, ends[:, place])
                row = {"run": name, "dataset": dataset, "figure": figure, "iou": iou, "images": len(images)}
                row |= {"boxes": int(images["boxes"].sum()), "estimate": float(values[0, place])}
                row |= {"low": low, "high": high, "baseline": first}
                if name != first:
                    low, high = map(float, gain_ends[:, place])
                    row |= {"difference": float(gain[0, place]), "difference_low": low, "difference_high": high}
                yield row
