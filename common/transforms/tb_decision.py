"""Probability and decision of a TB classifier, and the columns of tb_cls' ``predictions.csv``."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import CommonKeys

from ..errors import UsageError
from ..io import file_sha256
from ..metrics.calibration_map import TemperatureMap
from ..metrics.operating_point_file import OperatingPoint, read_operating_point
from .lung_box import LUNGS_FOUND

#: Entries of the item that :class:`DecideTBd` adds.
TB_DECISION = "tb_decision"
TB_PROBABILITY = "tb_probability"
#: Flag of a probability that no operating-point file stands behind.
UNCALIBRATED = "uncalibrated"
#: Flag of a classification of the whole image, for want of lungs to crop to.
NO_LUNGS = "no_lungs"


class TBDecision(NamedTuple):
    """What a TB classifier says of one radiograph.

    Args:
        score: log-odds of TB as the network gives them.
        probability: calibrated where there is an operating point, in [0, 1].
        tb: whether the probability reaches the threshold.
        calibrated: False where probability and decision come from the bare network and threshold 0.5.
    """

    score: float
    probability: float
    tb: bool
    calibrated: bool


class DecideTBd(MapTransform):
    """Add ``item["tb_decision"]``, a :class:`TBDecision`, from the logits of one decollated item.

    Its probability also stands alone under ``item["tb_probability"]``, for transforms that weigh by it.

    Files are read at first use, so that a configuration can be parsed without them; call :meth:`load` when a run
    begins, so that a wrong file ends it at once and not image by image.

    Args:
        keys: the entry with the logits, shape [K]: K = 2 (normal, TB; log-odds are their difference) or K = 1 (the
            log-odds themselves). Several entries are not accepted.
        operating_point: file of :func:`common.metrics.operating_point_file.write_operating_point`; None for the
            sigmoid of the log-odds and threshold 0.5, flagged as uncalibrated.
        weights: the network's weights, which the operating point must have been fitted to; needed with a file.

    Raises:
        UsageError: when used: no such file, an operating point of other weights, one without ``weights``.
        ValueError: when used: logits of another shape, or not finite. In the constructor: several keys.
    """

    def __init__(
        self,
        keys: KeysCollection = "pred",
        operating_point: str | Path | None = None,
        weights: str | Path | None = None,
    ) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"one entry with logits is accepted, got {', '.join(map(str, self.keys))}")
        self.operating_point = operating_point
        self.weights = weights
        self._point: OperatingPoint | None = None

    def load(self) -> None:
        """Read and check the operating-point file, if there is one.

        Raises:
            UsageError: see the class.
        """
        if self.operating_point is None or self._point is not None:
            return
        if self.weights is None:
            raise UsageError(f"{self.operating_point}: an operating point needs the weights that it was fitted to")
        found = file_sha256(self.weights)
        if not found:
            raise UsageError(f"{self.weights}: no such file of weights, to which an operating point could belong")
        self._point = read_operating_point(self.operating_point, found)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        self.load()
        item = dict(data)
        score = log_odds(item[self.keys[0]])
        if self._point is None:
            probability = float(TemperatureMap()(score))
            item[TB_DECISION] = TBDecision(score, probability, probability >= 0.5, calibrated=False)
        else:
            probabilities, decisions = self._point.decide(score)
            item[TB_DECISION] = TBDecision(score, float(probabilities), bool(decisions), calibrated=True)
        item[TB_PROBABILITY] = item[TB_DECISION].probability
        return item


def log_odds(logits: torch.Tensor | np.ndarray) -> float:
    """Log-odds of TB from logits [2] (normal, TB) or [1].

    Raises:
        ValueError: another shape, or a value that is not finite.
    """
    values = torch.as_tensor(logits).double()
    if values.shape not in ((1,), (2,)):
        raise ValueError(f"logits of shape {list(values.shape)}; a TB classifier gives [1] or [2]")
    score = float(values[1] - values[0]) if len(values) == 2 else float(values[0])
    if not np.isfinite(score):
        raise ValueError(f"the network gave the logits {values.tolist()}, from which no probability follows")
    return score


def describe_tb(item: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of one item that went through :class:`DecideTBd`.

    Args:
        item: post-processed item.

    Returns:
        ``tb_score`` (log-odds), ``tb_probability`` (0 to 1), ``tb`` (0 or 1) and ``flags``: ``uncalibrated`` where no
        operating-point file was given, ``no_lungs`` where the lung crop found none and kept the whole image.
    """
    decision: TBDecision = item[TB_DECISION]
    whole = not getattr(item.get(CommonKeys.IMAGE), "meta", {}).get(LUNGS_FOUND, True)
    return {
        "tb_score": round(decision.score, 6),
        "tb_probability": round(decision.probability, 6),
        "tb": int(decision.tb),
        "flags": [UNCALIBRATED] * (not decision.calibrated) + [NO_LUNGS] * whole,
    }
