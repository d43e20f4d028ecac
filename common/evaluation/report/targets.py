"""Targets that somebody states, and whether figures meet them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ...metrics import SEGMENTATION_METRICS
from ..errors import EvaluationError
from ..lesion_figures import LESION_FIGURES
from ..operating_point import FAIL, NOT_SHOWN, PASS

#: Figures that a target can be stated for, by task: name -> (label, whether higher is better).
CLASSIFICATION_TARGETS = {
    **{"auc": ("AUC", True), "average_precision": ("average precision", True), "brier": ("Brier score", False)},
    **{"ece": ("calibration error", False), "sensitivity": ("sensitivity", True), "specificity": ("specificity", True)},
}
MASK_TARGETS = {name: (info.label, info.higher_is_better) for name, info in SEGMENTATION_METRICS.items()}
LOCALIZATION_TARGETS = {"pointing": ("pointing game", True), "region_dice": ("Dice of regions", True)}
LESION_TARGETS = {
    name: (info.label, info.higher_is_better)
    for name, info in LESION_FIGURES.items()
    if info.higher_is_better is not None and name not in MASK_TARGETS
}
_LABELS = CLASSIFICATION_TARGETS | MASK_TARGETS | LOCALIZATION_TARGETS | LESION_TARGETS


class WantedFigure(NamedTuple):
    """A target: a figure, and the value that it has to reach."""

    name: str
    value: float

    @property
    def higher_is_better(self) -> bool:
        """Whether the value is a lower limit."""
        return _LABELS[self.name][1]

    def __str__(self) -> str:
        return f"{_LABELS[self.name][0]} {'at least' if self.higher_is_better else 'at most'} {self.value:g}"


def parse_target(text: str) -> WantedFigure:
    """Read ``NAME=VALUE``.

    Raises:
        EvaluationError: another form, an unknown figure or no number.
    """
    name, _, number = text.partition("=")
    if name not in _LABELS or not re.fullmatch(r"\d+(\.\d*)?|\.\d+", number):
        raise EvaluationError(f"target {text}: accepted is NAME=VALUE, NAME one of {', '.join(_LABELS)}")
    return WantedFigure(name, float(number))


def check_target(target: WantedFigure, figure: dict[str, Any], unit: str = "") -> dict[str, Any]:
    """Whether a figure meets a target: "pass" when its whole interval does, "fail" when none of it does.

    Args:
        target: what is wanted.
        figure: ``estimate``, ``low`` and ``high``, None where not defined.
        unit: what follows the figure in the line.

    Returns:
        ``target``, ``state`` ("pass", "fail", "not shown") and ``line`` for people.
    """
    estimate, low, high = (figure[name] for name in ("estimate", "low", "high"))
    if estimate is None:
        return {
            "target": str(target),
            "state": NOT_SHOWN,
            "line": f"{NOT_SHOWN}: {target}: not defined on these images",
        }
    better = (lambda value: value >= target.value) if target.higher_is_better else (lambda value: value <= target.value)
    if low is None or high is None:
        return {
            "target": str(target),
            "state": NOT_SHOWN,
            "line": f"{NOT_SHOWN}: {target}: {estimate:.3f}{unit}, without an interval; the estimate "
            f"{_meets(better(estimate))}",
        }
    worst, best = (low, high) if target.higher_is_better else (high, low)
    state = PASS if better(worst) else NOT_SHOWN if better(best) else FAIL
    hint = f"; the estimate {_meets(better(estimate))}" if state == NOT_SHOWN else ""
    line = f"{state}: {target}: {estimate:.3f} [{low:.3f}, {high:.3f}]{unit}{hint}"
    return {"target": str(target), "state": state, "line": line}


def _meets(does: bool) -> str:
    return "meets it" if does else "misses it"
