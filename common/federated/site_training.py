"""The rounds of one site."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ExtraItems
from monai.fl.utils.exchange_object import ExchangeObject

from ..data import BalancedSampler
from ..io import write_json
from .site import Site
from .task import FederatedTask
from .tensors import check_like, weights_sha256


class SiteTraining:
    """MONAI's ``MonaiAlgo`` around a bundle's ``train.yaml``.

    Each round begins with the weights that came in, a new optimiser and the learning rate of the configuration, and
    with random numbers that depend on the epoch alone: a round does not depend on what this process did before, so a
    federation that is taken up again goes on as it would have.

    Args:
        task: what is trained.
        site: where bundle and data lie.
        name: of the site.

    Raises:
        FederatedError: see :meth:`FederatedTask.check`.
        DataIndexError: the index has no rows for this site.
        OverlapError: pictures or patients are in the training and the validation list.
    """

    def __init__(self, task: FederatedTask, site: Site, name: str) -> None:
        root = Path(site.bundles).absolute() / task.bundle
        task.check(root)
        self.task = task
        self.name = name
        self.output_dir = Path(site.output_dir)
        rows = list(site.sites) or None
        self.algo = MonaiAlgo(
            bundle_root=str(root),
            local_epochs=task.local_epochs,
            send_weight_diff=False,
            config_train_filename=task.config_files,
            config_evaluate_filename=None,
            train_kwargs={
                **task.settings,
                "dataset_dir": str(Path(site.dataset_dir).absolute()),
                "output_dir": str(self.output_dir.absolute()),
                "train_sites": rows,
                "val_sites": rows,
                # Handlers of the start run again in every round: they must not undo what came in.
                "encoder_weights": None,
                "initial_weights": None,
                "overwrite": True,
                "resume": False,
                "early_stop_patience": None,
                "plateau": True,
                "plateau_patience": 10**6,
                "use_tensorboard": False,
                "show_progress": False,
            },
        )
        with warnings.catch_warnings():
            # The configuration is the site's own copy, and the task has been checked.
            warnings.filterwarnings("ignore", message="executing the bundle config")
            self.algo.initialize({ExtraItems.CLIENT_NAME: name})
        parser = self.algo.train_workflow.parser
        parser.get_parsed_content("overlap")()
        self.images = len(parser.get_parsed_content("train#dataset#data"))
        if task.epoch_steps is not None:
            self._lengthen(parser.get_parsed_content("train#sampler"), task.epoch_steps)
        self._optimizer = parser.get_parsed_content("optimizer")
        self._fresh = copy.deepcopy(self._optimizer.state_dict())
        self._rounds: list[dict[str, Any]] = []

    def _lengthen(self, sampler: BalancedSampler, steps: int) -> None:
        """Let an epoch have so many steps; an order that is too short for them is repeated."""
        sampler.num_samples = sampler.total_size = steps * self.algo.trainer.data_loader.batch_size
        self.algo.trainer.state.epoch_length = steps

    @property
    def network(self) -> torch.nn.Module:
        """The network that is trained."""
        return self.algo.trainer.network

    def train(self, weights: Mapping[str, torch.Tensor], number: int) -> dict[str, torch.Tensor]:
        """Train one round.

        Args:
            weights: of the federation, by name.
            number: of the round, from 0.

        Returns:
            The network's ``state_dict`` after ``local_epochs`` epochs, on the CPU.

        Raises:
            FederatedError: weights that came in, or that training has led to, do not fit or are not finite.
            LossError: the loss is not finite.
        """
        check_like(weights, self.network.state_dict(), "weights of the federation")
        began = time.monotonic()
        state = self.algo.trainer.state
        state.epoch = number * self.task.local_epochs
        state.iteration = state.epoch * state.epoch_length
        self._optimizer.load_state_dict(copy.deepcopy(self._fresh))
        self.algo.train(ExchangeObject(weights=dict(weights)))
        trained = {name: tensor.detach().clone() for name, tensor in self.algo.get_weights().weights.items()}
        check_like(trained, weights, f"weights of {self.name}")
        self._rounds.append(
            {
                "round": number,
                "received_sha256": weights_sha256(weights),
                "trained_sha256": weights_sha256(trained),
                "images": self.images,
                "steps": self.task.local_epochs * state.epoch_length,
                "seconds": round(time.monotonic() - began, 1),
            }
        )
        write_json(self.output_dir / "rounds.json", self._rounds)
        return trained

    def close(self) -> None:
        """End the engines."""
        self.algo.finalize()
