"""The NVFlare job of a federated task."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from nvflare.app_opt.pt.recipes.fedavg import FedAvgRecipe

from ..networks import read_state
from .controller import TolerantFedAvg
from .errors import FederatedError
from .task import FederatedTask

SCRIPT = Path(__file__).with_name("site_script.py")
INITIAL = "initial.pt"


class TolerantFedAvgRecipe(FedAvgRecipe):
    """``FedAvgRecipe`` whose server goes on without a site that is lost.

    Args:
        round_timeout: see :class:`.controller.TolerantFedAvg`.
        start_round: see :class:`.controller.TolerantFedAvg`.
        keep_rounds: see :class:`.controller.TolerantFedAvg`.
        options: of ``FedAvgRecipe``.
    """

    def __init__(self, *, round_timeout: int, start_round: int = 0, keep_rounds: bool = False, **options: Any) -> None:
        self.round_timeout = round_timeout
        self.keep_rounds = keep_rounds
        self.start_round = start_round
        super().__init__(**options)
        # Server and sites have the package; copies of single files of it in the job would be something else.
        self._job.set_app_packages(["common"])

    def _create_controller(self, persistor_id: str, model_params: Any, model_aggregator: Any) -> TolerantFedAvg:
        return TolerantFedAvg(
            num_rounds=self.num_rounds,
            start_round=self.start_round,
            persistor_id=persistor_id,
            min_clients=self.min_clients,
            round_timeout=self.round_timeout,
            keep_rounds=self.keep_rounds,
        )


def make_job_folder(folder: str | Path) -> Path:
    """An empty folder for the files of a job; returns it."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def make_recipe(
    task: FederatedTask,
    network: dict[str, Any],
    *,
    name: str,
    initial: str | Path,
    rounds: int,
    start_round: int = 0,
    min_clients: int = 1,
    round_timeout: int = 3600,
    keep_rounds: bool = False,
) -> TolerantFedAvgRecipe:
    """Make the job.

    Files that become part of it are written into the working folder, which must stay the same until the recipe is run
    or exported: NVFlare puts the paths of files into the job as they are, so they must be bare names.

    Args:
        task: what is trained.
        network: ``_target_`` and arguments, as the configuration writes them.
        name: of the job.
        initial: absolute path of the weights to start from.
        rounds: to do.
        start_round: number of the first.
        min_clients: contributions that a round needs.
        round_timeout: seconds that a round waits for its sites.
        keep_rounds: keep the weights of every round.

    Raises:
        FederatedError: numbers below 1.
        WeightsError: no weights in ``initial``.
    """
    for option, value in (("rounds", rounds), ("min_clients", min_clients), ("round_timeout", round_timeout)):
        if value < 1:
            raise FederatedError(f"{option}: a whole number above 0 is needed, got {value}")
    torch.save(read_state(initial), INITIAL)
    shutil.copyfile(SCRIPT, SCRIPT.name)
    arguments = {key: value for key, value in network.items() if not key.startswith("_")}
    recipe = TolerantFedAvgRecipe(
        name=name,
        model={"class_path": network["_target_"], "args": arguments},
        initial_ckpt=INITIAL,
        min_clients=min_clients,
        num_rounds=rounds,
        start_round=start_round,
        round_timeout=round_timeout,
        keep_rounds=keep_rounds,
        train_script=SCRIPT.name,
        # No figure of a site's own data leaves it: there is no metric to choose a round by.
        key_metric="",
    )
    recipe.add_client_file(task.write(".").name)
    return recipe
