"""How a report is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...metrics import HitRule
from ...metrics.froc_hits import HIT_IOU
from ..operating_point import PREVALENCES
from ..spacing import SiteSpacing
from ..subgroups import AGE_BANDS
from .targets import WantedFigure

CLASSIFICATION, LOCALIZATION, LESIONS = "classification", "localization", "lesions"


@dataclass(frozen=True)
class ReportOptions:
    """What a report is made of.

    Args:
        title: heading of the page.
        label: index column with the truth of classification, 0 or 1.
        sites: values of the index column ``dataset``; empty for those that a model has predictions of.
        split_column: index column with the splits; None for that of each task (``seg_split``, ``cls_split``,
            ``det_split``).
        splits: splits by site or task, sites first; the key "" stands for all that are not named. A split of another
            column is written ``COLUMN:SPLIT``. Sites of which the column says nothing are taken as a whole.
        subgroups: index columns to give figures by.
        age_bands: first ages of the bands after the first one.
        prevalences: shares of positives for which predictive values are given.
        targets: figures to be reached, beside the WHO's for triage.
        rule: how the operating point is fitted anew at each site, see :func:`..operating_point.choose_threshold`.
        spacing: pixel size in mm by site, for distances.
        tolerance: distance that surface Dice forgives; None leaves it out.
        hit: which lesions are hits of FROC, see :func:`common.metrics.lesion_hits`.
        lungs_dir: output folder of lung_seg, for normal images whose lung mask the index does not name.
        cases: worst images of each kind to list, and to draw where they are at hand.
        pictures: whether to draw them.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap and of the folds.
        processes: worker processes.
    """

    title: str = "Evaluation across institutions"
    label: str = "tb"
    sites: Sequence[str] = ()
    split_column: str | None = None
    splits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    subgroups: Sequence[str] = ("sex", "age")
    age_bands: Sequence[int] = AGE_BANDS
    prevalences: Sequence[float] = PREVALENCES
    targets: Sequence[WantedFigure] = ()
    rule: str = "who_triage"
    spacing: SiteSpacing | None = None
    tolerance: float | None = None
    hit: HitRule = HIT_IOU
    lungs_dir: str | None = None
    cases: int = 3
    pictures: bool = True
    repeats: int = 2000
    seed: int = 0
    processes: int = 1

    def splits_of(self, task: str) -> Callable[[str], Sequence[str]]:
        """Splits that count for a task, by site; empty for all."""
        return lambda site: self.splits.get(site, self.splits.get(task, self.splits.get("", ())))

    def record(self) -> dict[str, Any]:
        """Ready for JSON. The number of processes changes nothing and is left out."""
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        del values["processes"]
        return values | {"targets": [str(target) for target in self.targets]}
