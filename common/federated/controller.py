"""The server's workflow: rounds that sites may miss."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nvflare.app_common.abstract.fl_model import FLModel
from nvflare.app_common.workflows.fedavg import FedAvg

from ..io import atomic_write, write_json
from .aggregator import CheckedAverage
from .errors import FederatedError
from .kept_rounds import write_round

logger = logging.getLogger(__name__)

#: In the server's folder of the run: weights and account of the rounds so far, and the account alone.
STATE_FILE = "federation.pt"
ROUNDS_FILE = "rounds.json"
#: Beside them, when the federation fails: why.
FAILURE_FILE = "failure.txt"


class TolerantFedAvg(FedAvg):
    """NVFlare's FedAvg, with the rounds waited for as a federation of hospitals needs it.

    NVFlare's own asks as many sites a round as ``min_clients`` says, drawn at random, waits without end, and gives up
    at the first error of a site. This one asks every connected site, goes on when all have answered or the time of the
    round is over, and fails only when fewer than ``min_clients`` contributed. A site that brought nothing in a round
    is not asked again in the same run.

    Args:
        num_rounds: rounds to do.
        start_round: number of the first one; more than 0 when a federation is taken up again.
        persistor_id: component that keeps the model.
        min_clients: contributions that a round needs.
        round_timeout: seconds after which a round ends without the sites that have not answered.
        keep_rounds: keep the weights of every round and not of the last alone.
    """

    def __init__(
        self,
        num_rounds: int = 1,
        start_round: int = 0,
        persistor_id: str = "persistor",
        min_clients: int = 1,
        round_timeout: int = 3600,
        keep_rounds: bool = False,
    ) -> None:
        super().__init__(
            num_clients=min_clients,
            num_rounds=num_rounds,
            start_round=start_round,
            persistor_id=persistor_id,
            aggregator=CheckedAverage(min_clients),
        )
        self.min_clients = min_clients
        self.round_timeout = round_timeout
        self.keep_rounds = keep_rounds
        self._heard: set[str] | None = None

    def run(self) -> None:
        """Do all rounds.

        Raises:
            FederatedError: a round with too few contributions.
        """
        try:
            super().run()
        except FederatedError as error:
            (Path(self.get_run_dir()) / FAILURE_FILE).write_text(f"{error}\n", encoding="utf-8")
            raise

    def sample_clients(self, num_clients: int | None = None) -> list[str]:
        """All connected sites that answered in the round before.

        Args:
            num_clients: not used.
        """
        connected = sorted(super().sample_clients())
        return connected if self._heard is None else [name for name in connected if name in self._heard]

    def send_model(
        self,
        task_name: str = "train",
        data: FLModel = None,
        targets: list[str] | None = None,
        min_responses: int | None = None,
        timeout: int = 0,
        callback: Callable[[FLModel], Any] | None = None,
    ) -> None:
        """Send a round's weights; waiting is bounded by ``round_timeout``."""
        self.aggregator.begin(data.current_round, data.params, targets or [])
        heard = self._heard = set()

        def answered(result: FLModel) -> Any:
            heard.add(result.meta["client_name"])
            return callback(result) if callback else None

        # Without min_responses one error ends everything; with it a round would not wait for the slower sites.
        self.broadcast_model(
            data=data,
            task_name=task_name,
            targets=targets,
            min_responses=min(self.min_clients, len(targets or [])),
            timeout=self.round_timeout,
            wait_time_after_min_received=self.round_timeout,
            blocking=False,
            callback=answered,
        )

    def save_model(self, model: FLModel) -> None:
        """Save the weights of a round by the persistor, and together with the account of all rounds."""
        super().save_model(model)
        folder = Path(self.get_run_dir())
        state = {name: torch.from_numpy(np.array(value)) for name, value in model.params.items()}
        if self.keep_rounds:
            write_round(folder, self.aggregator.number, state)
        with atomic_write(folder / STATE_FILE) as stream:
            torch.save({"model": state, "rounds": json.dumps(self.aggregator.rounds)}, stream)
        write_json(folder / ROUNDS_FILE, self.aggregator.rounds)
