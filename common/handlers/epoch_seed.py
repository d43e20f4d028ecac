"""Random numbers that depend on the epoch alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from monai.transforms import Randomizable


class EpochSeed:
    """Seeds every random generator at the start of each epoch with ``seed + epoch``.

    Sampling, augmentation and dropout of an epoch then do not depend on how the epochs before it were run: an
    interrupted and resumed training gives the same weights as an uninterrupted one. In distributed training the
    processes get different seeds.

    Args:
        seed: the seed of the run.
        transform: the random transforms of the training data set (a ``monai.transforms.Compose``).
    """

    def __init__(self, seed: int, transform: Any = None) -> None:
        self.seed = seed
        self.transform = transform

    def attach(self, engine: Engine) -> None:
        """Register on the trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        rank = dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
        seed = self.seed + engine.state.epoch + 100_003 * rank
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - MONAI's default generator
        torch.manual_seed(seed)
        if isinstance(self.transform, Randomizable):
            self.transform.set_random_state(seed=seed)
