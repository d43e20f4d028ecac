"""The third stage: IRNet learns from the seeds where one region ends and another begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from ignite.handlers import ProgressBar
from monai.data import CacheDataset, DataLoader
from monai.engines import SupervisedTrainer
from monai.handlers import LrScheduleHandler, StatsHandler, from_engine
from monai.transforms import Compose, MapTransform, RandomizableTransform, Transform
from monai.utils import CommonKeys
from torch import nn

from ..data import BalancedSampler
from ..handlers import EpochSeed, LastCheckpoint, StopOnNaN
from ..io import atomic_write, file_sha256
from ..networks import IRNet, load_encoder_weights
from .crf_stage import CRFStage, read_seeds
from .evidence_file import read_evidence
from .stage import OK, Outcome, Stage, StageError

#: Exponent of the decay of the learning rate.
POLY_POWER = 0.9


class IRNetStage(Stage):
    """Trains IRNet and writes ``model.pt``; goes on from ``last.pt`` where an earlier run ended.

    Training is that of Viniavskyi et al. (AIME 2020): images with seeds only, left-right flips, learning rates that
    fall to zero by a power of 0.9. Afterwards the mean displacement of the training images is stored in the network, if
    it has displacements.

    Args:
        output_dir: folder of all stages.
        previous: the stage of the seeds.
        network: IRNet.
        loss: of its prediction and the seeds.
        optimizer: of its branches.
        settings: see :class:`Stage`.
        trunk_weights: see :func:`common.networks.load_encoder_weights`; None leaves the trunk as it is.
        device: of the network.
        epochs: number of epochs.
        batch_size: images at a time.
        seed: of order and flips.
        cache_rate: share of the images kept in memory.
        cache_maps: keep what the trunk makes of each image and its mirror image, in place of the image: training is
            the same up to rounding, and the trunk has to look at each only once.
        show_progress: whether to draw progress bars.
    """

    def __init__(
        self,
        output_dir: str | Path,
        previous: CRFStage,
        network: IRNet,
        loss: nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: Mapping[str, Any],
        trunk_weights: str | Path | None = None,
        device: torch.device | str = "cpu",
        epochs: int = 10,
        batch_size: int = 8,
        seed: int = 0,
        cache_rate: float = 1.0,
        cache_maps: bool = False,
        show_progress: bool = True,
    ) -> None:
        named = trunk_weights is not None and str(trunk_weights) != "imagenet"
        files = {"trunk": trunk_weights} if named and trunk_weights is not None else {}
        source = "file" if named else trunk_weights
        super().__init__("irnet", output_dir, {**settings, "trunk_weights": source}, files, previous)
        self.crf = previous
        self.network = network
        self.loss = loss
        self.optimizer = optimizer
        self.trunk_weights = trunk_weights
        self.device = torch.device(device)
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed
        self.cache_rate = cache_rate
        self.cache_maps = cache_maps
        self.show_progress = show_progress
        self.model = self.folder / "model.pt"
        self.checkpoint = self.folder / "last.pt"

    def outputs(self, outcomes: Any) -> dict[str, str]:
        """The weights."""
        return {"weights_sha256": file_sha256(self.model)}

    def run(self) -> None:
        """Train from the first epoch or from where an earlier run ended.

        Raises:
            StageError: no image has seeds.
        """
        names = self.crf.results()
        if not names:
            raise StageError(f"{self.crf.folder}: no seeds of any class in any image; nothing to train on")
        self.begin()
        self.network.to(self.device)
        if self.trunk_weights is not None:
            load_encoder_weights(self.network.trunk, self.trunk_weights)
        root = self.crf.seeds.dataset_dir
        items = [
            {
                CommonKeys.IMAGE: self.crf.seeds.layout.path(root / name),
                CommonKeys.LABEL: self.crf.layout.path(root / name),
            }
            for name in names
        ]
        self._trainer(items).run()
        if self.network.displacement is not None:
            self._store_mean_displacement(items)
        with atomic_write(self.model) as stream:
            torch.save({name: tensor.cpu() for name, tensor in self.network.state_dict().items()}, stream)
        self.finish([Outcome(name, OK) for name in names])

    def _trainer(self, items: list[dict[str, Any]]) -> SupervisedTrainer:
        steps: list[Any] = [LoadSeedsd(), RandMirrord()]
        if self.cache_maps:
            steps.insert(1, TrunkMapsd(self.network))
        transform = Compose(steps)
        # Threads: a cache of this process; the default one is asked through a pipe. Nothing changes what is in it.
        dataset = CacheDataset(
            items, transform, cache_rate=self.cache_rate, progress=False, copy_cache=False, runtime_cache="threads"
        )
        sampler = BalancedSampler(items, power=0, seed=self.seed)
        loader = DataLoader(dataset, batch_size=self.batch_size, sampler=sampler)
        schedule = torch.optim.lr_scheduler.PolynomialLR(self.optimizer, self.epochs * len(loader), POLY_POWER)
        handlers: list[Any] = [
            EpochSeed(self.seed, transform),
            LrScheduleHandler(schedule, epoch_level=False, print_lr=False),
            StopOnNaN(),
            StatsHandler(
                tag_name="irnet_loss", iteration_log=False, output_transform=from_engine([CommonKeys.LOSS], first=True)
            ),
            LastCheckpoint(
                self.checkpoint,
                {"network": self.network, "optimizer": self.optimizer, "lr_scheduler": schedule},
                resume=self.checkpoint.is_file(),
            ),
        ]
        if self.show_progress:
            handlers.append(ProgressBar(persist=False, desc="irnet"))
        return SupervisedTrainer(
            max_epochs=self.epochs,
            device=self.device,
            train_data_loader=loader,
            network=self.network,
            loss_function=self.loss,
            optimizer=self.optimizer,
            prepare_batch=_to_device,
            train_handlers=handlers,
            decollate=False,
        )

    @torch.no_grad()
    def _store_mean_displacement(self, items: list[dict[str, Any]]) -> None:
        self.network.eval()
        self.network.displacement_mean.zero_()
        load = LoadSeedsd()
        means = [
            self.network(load(item)[CommonKeys.IMAGE][None].to(self.device))[:, 1:].mean((0, 2, 3)) for item in items
        ]
        self.network.displacement_mean.copy_(torch.stack(means).mean(0))


class LoadSeedsd(MapTransform):
    """Read the image [1, W, H], values in [0, 1], and its seeds [1, W, H] from the files of the two stages before."""

    def __init__(self) -> None:
        super().__init__([CommonKeys.IMAGE, CommonKeys.LABEL])

    def __call__(self, data: Mapping[Any, Any]) -> dict[Any, Any]:
        levels = torch.from_numpy(read_evidence(data[CommonKeys.IMAGE]).image)
        seeds = torch.from_numpy(read_seeds(data[CommonKeys.LABEL]))
        return {CommonKeys.IMAGE: levels[None].float() / 255, CommonKeys.LABEL: seeds[None]}


class TrunkMapsd(Transform):
    """Put the trunk's maps of the image and of its mirror image, [2, C, w, h] each, in the place of the image.

    Args:
        network: IRNet.
    """

    def __init__(self, network: IRNet) -> None:
        self.network = network

    def __call__(self, data: Mapping[Any, Any]) -> dict[Any, Any]:
        image = data[CommonKeys.IMAGE]
        both = torch.stack([image, image.flip(1)]).to(self.network.displacement_mean.device)
        return {**data, CommonKeys.IMAGE: [maps.cpu() for maps in self.network.stages(both)]}


class RandMirrord(RandomizableTransform):
    """Mirror half of the images, left to right, with their seeds; of :class:`TrunkMapsd`, take the maps of one side."""

    def __init__(self) -> None:
        super().__init__(prob=0.5)

    def __call__(self, data: Mapping[Any, Any]) -> dict[Any, Any]:
        self.randomize(None)
        image, seeds = data[CommonKeys.IMAGE], data[CommonKeys.LABEL]
        if isinstance(image, list):
            image = [maps[int(self._do_transform)] for maps in image]
        elif self._do_transform:
            image = image.flip(1)
        return {CommonKeys.IMAGE: image, CommonKeys.LABEL: seeds.flip(1) if self._do_transform else seeds}


def _to_device(
    batch: Mapping[Any, Any], device: torch.device | str | None = None, non_blocking: bool = False, **options: Any
) -> tuple[Any, torch.Tensor]:
    image = batch[CommonKeys.IMAGE]
    if isinstance(image, list):
        moved: Any = [maps.to(device, non_blocking=non_blocking, **options) for maps in image]
    else:
        moved = image.to(device, non_blocking=non_blocking, **options)
    return moved, batch[CommonKeys.LABEL].to(device, non_blocking=non_blocking, **options)
