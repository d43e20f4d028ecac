"""The fourth stage: evidence walks up to the boundaries that IRNet found, and becomes masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor, decollate_batch
from monai.transforms import Invertd
from numpy.typing import NDArray
from torch.nn import functional as F
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..data import INDEX_NAME, REJECTED, RadiographFolder, collate_radiographs, read_index
from ..data.lesion_boxes import image_size
from ..data.pixels import write_png
from ..data.radiograph_folder import rejection
from ..errors import UsageError
from ..io import RadiographLayout, write_csv
from ..networks import IRNet, load_weights
from .crf_stage import read_seeds
from .evidence_file import read_evidence
from .irnet_stage import IRNetStage
from .items import LabelledImage
from .random_walk import random_walk
from .seeds import BACKGROUND, IGNORED, label_above
from .stage import OK, Outcome, Stage, outcome_of

#: Columns of the data index that go into that of the masks. What was drawn by hand does not.
KEPT_COLUMNS = ("dataset", "patient_id", "sex", "age", "seg_split", "cls_split", "det_split")


class MaskStage(Stage):
    """Masks of 0 and 255 in the rows and columns of each radiograph, and an ``index.csv`` to train on.

    The mask of a single class is ``REL_NAME.png``, such as ``REL_tb.png``; of several there is one each, and
    ``REL_lesions.png`` with the pixels of any. ``index.csv`` has one row an image: ``image`` (path below the data
    folder), :data:`KEPT_COLUMNS`, the columns of the classes, and ``lesion_mask`` (path below the folder of this
    stage, pixels of any class); with several classes also ``NAME_mask`` of each. Images without any class have an
    empty mask. Images whose seeds are empty or which could not be read are left out.

    To measure what each step is worth, ``write_steps`` adds the pixels of any class after the first and the second
    stage, under the same names in ``steps/cam`` and ``steps/crf``.

    Args:
        output_dir: folder of all stages.
        previous: the stage of IRNet.
        images: those of the first stage.
        classes: their names.
        preprocessing: that of the first stage.
        device: of IRNet.
        threshold: evidence, of the largest in the image after the walk, from which a pixel belongs to a class.
        radius: see :func:`.random_walk.random_walk`.
        beta: see :func:`.random_walk.random_walk`.
        steps: see :func:`.random_walk.random_walk`.
        num_workers: processes that read.
        write_steps: see above.

    Raises:
        UsageError: a threshold that is not between 0 and 1, or a walk that cannot be.
    """

    def __init__(
        self,
        output_dir: str | Path,
        previous: IRNetStage,
        images: Sequence[LabelledImage],
        classes: Sequence[str],
        preprocessing: Callable[[Any], Any],
        device: torch.device | str = "cpu",
        threshold: float = 0.25,
        radius: int = 5,
        beta: float = 10.0,
        steps: int = 256,
        num_workers: int = 0,
        write_steps: bool = False,
    ) -> None:
        if not 0 < threshold < 1:
            raise UsageError(f"walk_threshold: a number between 0 and 1 is needed, got {threshold}")
        # Else every image would fail, when IRNet has been trained.
        for name, value, least in (("walk_radius", radius, 2), ("walk_steps", steps, 0)):
            if not isinstance(value, int) or value < least:
                raise UsageError(f"{name}: a whole number from {least} on is needed, got {value!r}")
        if not isinstance(beta, int | float) or not beta > 0:
            raise UsageError(f"walk_beta: a number above 0 is needed, got {beta!r}")
        settings = {
            "walk_threshold": threshold,
            "walk_radius": radius,
            "walk_beta": beta,
            "walk_steps": steps,
            "classes": list(classes),
            "write_steps": write_steps,
        }
        super().__init__("masks", output_dir, settings, {"IRNet": previous.model}, previous)
        self.irnet = previous
        self.evidence = previous.crf.seeds
        self.images = list(images)
        self.classes = list(classes)
        self.preprocessing = preprocessing
        self.invert = Invertd(
            keys="walked", transform=preprocessing, orig_keys="image", nearest_interp=False, to_tensor=False
        )
        self.device = device
        self.threshold = threshold
        self.walk = {"radius": radius, "beta": beta, "steps": steps}
        self.num_workers = num_workers
        self.whole = self.classes[0] if len(self.classes) == 1 else "lesions"
        names = dict.fromkeys([*self.classes, self.whole])
        self.layouts = {name: self._layout(self.folder, name) for name in names}
        earlier = ["cam", "crf"] if write_steps else []
        self.steps = {step: self._layout(self.folder / "steps" / step, self.whole) for step in earlier}

    def _layout(self, folder: Path, name: str) -> RadiographLayout:
        return RadiographLayout(folder, self.evidence.dataset_dir, name, ".png")

    def run(self) -> None:
        """Write the masks that are not there yet, then the index."""
        network = self.irnet.network
        load_weights(network, self.irnet.model)
        network.to(self.device).eval()
        self.begin()
        found = set(self.irnet.results())
        images = [image for image in self.images if image.name in found or not image.positive]
        outcomes = [Outcome(image.name, OK) for image in images if self._done(image)]
        done = {outcome.image for outcome in outcomes}
        outcomes += [self._write_empty(image) for image in images if not image.positive and image.name not in done]
        positive = {str(image.path): image for image in images if image.positive}
        folder = RadiographFolder(
            [{"image": path} for path in positive], self.preprocessing, self.evidence.dataset_dir, done
        )
        loader = DataLoader(folder, 1, num_workers=self.num_workers, collate_fn=collate_radiographs)
        for batch in tqdm(loader, desc="masks", unit="image", disable=None):
            outcomes += [outcome_of(positive[item.path].name, item) for item in batch[REJECTED]]
            if "image" in batch:
                outcomes += [self._write(image, network, positive) for image in decollate_batch(batch["image"])]
        self._write_index(sorted(outcome.image for outcome in outcomes if outcome.status == OK))
        self.finish(outcomes)

    def _done(self, image: LabelledImage) -> bool:
        return all(layout.path(image.path).is_file() for layout in (*self.layouts.values(), *self.steps.values()))

    def _write(self, pixels: MetaTensor, network: IRNet, images: Mapping[str, LabelledImage]) -> Outcome:
        image = images[str(pixels.meta["filename_or_obj"])]
        try:
            maps = read_evidence(self.evidence.layout.path(image.path)).maps
            planes = [self.spread(pixels.as_tensor(), maps, network)]
            if self.steps:
                planes += [self._seen_by_evidence(maps), self._seen_by_seeds(image)]
            whole = MetaTensor(torch.cat(planes)).copy_meta_from(pixels)
            self._write_masks(image, self.invert({"image": pixels, "walked": whole})["walked"])
        except Exception as error:  # one image must not take the others along
            return outcome_of(image.name, rejection(image.path, error))
        return Outcome(image.name, OK)

    def _seen_by_evidence(self, maps: NDArray[np.floating]) -> torch.Tensor:
        level = self.irnet.crf.refine.keywords["foreground"]
        return torch.from_numpy(label_above(maps, level) != BACKGROUND)[None].float()

    def _seen_by_seeds(self, image: LabelledImage) -> torch.Tensor:
        seeds = read_seeds(self.irnet.crf.layout.path(image.path))
        return torch.from_numpy(~np.isin(seeds, (BACKGROUND, IGNORED)))[None].float()

    @torch.inference_mode()
    def spread(self, pixels: torch.Tensor, maps: NDArray[np.floating], network: IRNet) -> torch.Tensor:
        """Evidence after the walk.

        Args:
            pixels: the image as IRNet takes it, shape [1, W, H].
            maps: evidence of each class, shape [K, W, H].
            network: IRNet.

        Returns:
            float32, shape [K, W, H], the largest value of all classes is 1.
        """
        both = torch.stack([pixels, pixels.flip(1)]).to(self.device)
        straight, mirrored = network(both)[:, 0].float().cpu()
        edges = ((straight + mirrored.flip(0)) / 2).sigmoid()
        small = F.adaptive_avg_pool2d(torch.from_numpy(maps.astype(np.float32)), edges.shape)
        walked = torch.from_numpy(random_walk(small.numpy(), edges.numpy(), **self.walk)).float()  # type: ignore[arg-type]
        full = F.interpolate(walked[None], size=pixels.shape[1:], mode="bilinear", align_corners=False)[0]
        return full / full.max().clamp(min=torch.finfo(full.dtype).tiny)

    def _write_masks(self, image: LabelledImage, walked: torch.Tensor) -> None:
        values = np.asarray(walked)[: len(self.classes)]
        inside = values.max(axis=0) > self.threshold
        masks = {name: inside & (values.argmax(axis=0) == index) for index, name in enumerate(self.classes)}
        masks[self.whole] = inside
        for name, layout in self.layouts.items():
            write_png(layout.path(image.path), np.ascontiguousarray(masks[name].T))
        for layout, plane in zip(self.steps.values(), np.asarray(walked)[len(self.classes) :], strict=True):
            write_png(layout.path(image.path), np.ascontiguousarray(plane.T > 0.5))

    def _write_empty(self, image: LabelledImage) -> Outcome:
        try:
            columns, rows = image_size(image.path)
            for layout in (*self.layouts.values(), *self.steps.values()):
                write_png(layout.path(image.path), np.zeros((rows, columns), dtype=bool))
        except Exception as error:  # likewise
            return outcome_of(image.name, rejection(image.path, error))
        return Outcome(image.name, OK)

    def _write_index(self, names: Sequence[str]) -> None:
        table = read_index(self.evidence.dataset_dir).drop_duplicates("image").set_index("image")
        columns = {**{name: f"{name}_mask" for name in self.classes}, self.whole: "lesion_mask"}
        rows = []
        for name in names:
            known = {column: table.loc[name, column] for column in (*KEPT_COLUMNS, *self.classes)}
            files = {
                columns[mask]: layout.path(self.evidence.dataset_dir / name).relative_to(self.folder).as_posix()
                for mask, layout in self.layouts.items()
            }
            rows.append({"image": name, **known, **files})
        header = ("image", *KEPT_COLUMNS, *self.classes, *(columns[mask] for mask in self.layouts))
        write_csv(self.folder / INDEX_NAME, rows, header)
