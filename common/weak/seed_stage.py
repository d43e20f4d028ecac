"""The first stage: where the evidence for the classes of each image lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.data import MetaTensor
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..data import REJECTED, RadiographFolder, collate_radiographs
from ..data.radiograph_folder import rejection
from ..errors import UsageError
from ..io import RadiographLayout
from ..networks import load_weights
from .evidence import class_evidence
from .evidence_file import read_evidence, write_evidence
from .items import LabelledImage
from .stage import EMPTY, OK, Outcome, Stage, digest, outcome_of

NO_EVIDENCE = "no evidence of its class: seeds would be empty"


class SeedStage(Stage):
    """Evidence of every image that shows a class, in ``REL_evidence.npz``: see :class:`.evidence_file.Evidence`.

    Args:
        output_dir: folder of all stages.
        images: all images; those without any class have nothing to be found and are passed over.
        dataset_dir: folder that they lie in.
        preprocessing: makes of ``{"image": path}`` the input of the network [1, W, H], values in [0, 1].
        network: classifier.
        weights: its ``state_dict`` file.
        settings: see :class:`Stage`.
        device: of the network.
        targets: output of the network that stands for each class.
        method: see :func:`.evidence.class_evidence`.
        layer: see :func:`.evidence.class_evidence`.
        scales: see :func:`.evidence.class_evidence`.
        flip: see :func:`.evidence.class_evidence`.
        lung_weights: of the lung network that the preprocessing uses; None where it uses none.
        batch_size: images at a time.
        num_workers: processes that read.
        weights_help: where the weights can be had.

    Raises:
        UsageError: no scale, or one that is not above 0.
    """

    def __init__(
        self,
        output_dir: str | Path,
        images: Sequence[LabelledImage],
        dataset_dir: str | Path,
        preprocessing: Callable[[Any], Any],
        network: nn.Module,
        weights: str | Path,
        settings: Mapping[str, Any],
        device: torch.device | str = "cpu",
        targets: Sequence[int] = (1,),
        method: str = "grad_cam_pp",
        layer: str | None = None,
        scales: Sequence[float] = (1.0, 0.5, 1.5, 2.0),
        flip: bool = True,
        lung_weights: str | Path | None = None,
        batch_size: int = 1,
        num_workers: int = 0,
        weights_help: str = "",
    ) -> None:
        if not scales or not all(isinstance(scale, int | float) and scale > 0 for scale in scales):
            raise UsageError(f"cam_scales: numbers above 0, at least one, are needed, as in [1.0], got {scales!r}")
        files: dict[str, str | Path] = {"classifier": weights}
        if lung_weights is not None:
            files["lung network"] = lung_weights
        super().__init__("seeds", output_dir, settings, files)
        self.images = list(images)
        self.dataset_dir = Path(dataset_dir)
        self.layout = RadiographLayout(self.folder, dataset_dir, "evidence", ".npz")
        self.preprocessing = preprocessing
        self.network = network
        self.device = device
        self.how = {"method": method, "layer": layer, "scales": scales, "flip": flip}
        self.targets = targets
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.weights_help = weights_help

    def images_digest(self) -> str:
        """Of names, classes and sizes of the files."""
        return digest(
            [
                [image.name, list(image.present), image.path.stat().st_size if image.path.is_file() else -1]
                for image in self.images
            ]
        )

    def run(self) -> None:
        """Map the evidence of all images that have no file yet."""
        load_weights(self.network, self.weights["classifier"], help_text=self.weights_help)
        self.network.to(self.device)
        self.begin()
        wanted = {str(image.path): image for image in self.images if image.positive}
        outcomes = [self._read(image) for image in wanted.values() if self.layout.path(image.path).is_file()]
        done = {outcome.image for outcome in outcomes}
        folder = RadiographFolder([{"image": path} for path in wanted], self.preprocessing, self.dataset_dir, done)
        loader = DataLoader(
            folder, self.batch_size, num_workers=self.num_workers, collate_fn=collate_radiographs, shuffle=False
        )
        with tqdm(total=len(wanted), initial=len(done), desc="seeds", unit="image", disable=None) as bar:
            for batch in loader:
                outcomes += [outcome_of(wanted[item.path].name, item) for item in batch[REJECTED]]
                if "image" in batch:
                    outcomes += self._map(batch["image"], wanted)
                bar.update(len(batch[REJECTED]) + len(batch.get("image", ())))
        self.finish(outcomes)

    def _read(self, image: LabelledImage) -> Outcome:
        return _outcome(image.name, read_evidence(self.layout.path(image.path)).empty)

    def _map(self, pixels: MetaTensor, wanted: Mapping[str, LabelledImage]) -> list[Outcome]:
        found = [wanted[str(path)] for path in pixels.meta["filename_or_obj"]]
        plain = pixels.as_tensor().to(self.device)
        maps = class_evidence(self.network, plain, self.targets, **self.how).cpu()  # type: ignore[arg-type]
        maps *= torch.tensor([image.present for image in found])[:, :, None, None]
        outcomes = []
        for image, levels, evidence in zip(found, plain.cpu().mean(1), maps, strict=True):
            try:
                content = write_evidence(self.layout.filename(image.path), levels.numpy(), evidence.numpy())
                outcomes.append(_outcome(image.name, content.empty))
            except Exception as error:  # a full disk, say, must not take the others along
                outcomes.append(outcome_of(image.name, rejection(image.path, error)))
        return outcomes


def _outcome(name: str, empty: bool) -> Outcome:
    return Outcome(name, EMPTY, NO_EVIDENCE) if empty else Outcome(name, OK)
