"""The server's side of a round: which contributions count, and what they make."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from nvflare.apis.fl_constant import FLMetaKey
from nvflare.app_common.abstract.fl_model import FLModel, ParamsType
from nvflare.app_common.aggregators.model_aggregator import ModelAggregator

from .errors import FederatedError
from .tensors import average, check_like, weights_sha256

logger = logging.getLogger(__name__)


class CheckedAverage(ModelAggregator):
    """Federated averaging that leaves out contributions that would spoil the network.

    Sites are added up in the order of their names, whatever order they answer in: the same contributions give the same
    bits.

    Args:
        min_clients: contributions without which a round, and with it the federation, fails.
    """

    def __init__(self, min_clients: int = 1) -> None:
        super().__init__()
        self.min_clients = min_clients
        self.rounds: list[dict[str, Any]] = []
        self.begin(0, {}, [])

    def begin(self, number: int, weights: Mapping[str, Any], targets: Sequence[str]) -> None:
        """Say what a round starts from.

        Args:
            number: of the round, from 0.
            weights: that are sent to the sites, by name.
            targets: names of the sites.
        """
        self.number = number
        self.reference = weights
        self.targets = list(targets)
        self.reset_stats()

    def accept_model(self, model: FLModel) -> None:
        """Keep a site's contribution for :meth:`aggregate_model`.

        Raises:
            FederatedError: weights of another network, values that are not finite, or no number of images.
        """
        name = str(model.meta["client_name"])
        try:
            self.check(name, model)
        except FederatedError as error:
            self.refused[name] = str(error)
            logger.error("round %d: left out: %s", self.number, error)
            raise
        self.accepted[name] = ({key: np.asarray(value) for key, value in model.params.items()}, _images(model))

    def check(self, name: str, model: FLModel) -> None:
        """Refuse a contribution that does not fit; see :meth:`accept_model`."""
        if model.params_type != ParamsType.FULL:
            raise FederatedError(f"{name}: whole weights are needed, got {model.params_type}")
        check_like(model.params, self.reference, name)
        if _images(model) < 1:
            found = model.meta.get(FLMetaKey.NUM_STEPS_CURRENT_ROUND)
            raise FederatedError(f"{name}: a number of images from 1 on is needed, got {found!r}")

    def aggregate_model(self) -> FLModel:
        """Average what came in.

        Raises:
            FederatedError: fewer contributions than ``min_clients``.
        """
        silent = [name for name in self.targets if name not in self.accepted and name not in self.refused]
        if len(self.accepted) < self.min_clients:
            why = [*self.refused.values(), *(f"{name}: no answer" for name in silent)]
            raise FederatedError(
                f"round {self.number}: {len(self.accepted)} of {len(self.targets)} sites contributed, "
                f"{self.min_clients} needed ({'; '.join(why)})"
            )
        names = sorted(self.accepted)
        states, counts = zip(*(self.accepted[name] for name in names), strict=True)
        mean = average(states, counts)
        self.rounds.append(
            {
                "round": self.number,
                "images": dict(zip(names, counts, strict=True)),
                "refused": dict(sorted(self.refused.items())),
                "silent": sorted(silent),
                "weights_sha256": weights_sha256(mean),
                "seconds": round(time.monotonic() - self.began, 1),
            }
        )
        return FLModel(params_type=ParamsType.FULL, params=mean)

    def reset_stats(self) -> None:
        """Forget all contributions."""
        self.accepted: dict[str, tuple[dict[str, Any], int]] = {}
        self.refused: dict[str, str] = {}
        self.began = time.monotonic()


def _images(model: FLModel) -> int:
    value = model.meta.get(FLMetaKey.NUM_STEPS_CURRENT_ROUND)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
