"""The second stage: seeds along the outlines of the image."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..data.parallel import parallel_map
from ..data.pixels import write_png
from ..data.radiograph_folder import rejection
from ..errors import UsageError
from ..io import RadiographLayout
from .dense_crf import CRFSettings, resolve_engine
from .evidence_file import read_evidence
from .seed_stage import SeedStage
from .seeds import BACKGROUND, BACKGROUND_LEVEL, FOREGROUND_LEVEL, IGNORED, refined_seeds
from .stage import EMPTY, OK, Outcome, Stage, StageError, outcome_of

NO_SEEDS = "the dense CRF left no seed of any class"


class SeedTask(NamedTuple):
    """One image: its name and the files to read and to write."""

    name: str
    evidence: Path
    seeds: Path


class CRFStage(Stage):
    """Seeds in ``REL_seeds.png``: 0 background, a class from 1 on, 255 ignored, as the networks see the image.

    Args:
        output_dir: folder of all stages.
        previous: the stage of the evidence.
        foreground: see :func:`.seeds.refined_seeds`.
        background: see :func:`.seeds.refined_seeds`.
        engine: see :data:`.dense_crf.ENGINES`; the one that ``auto`` stands for is recorded.
        crf: values of :class:`.dense_crf.CRFSettings` by name.
        processes: that work side by side.

    Raises:
        UsageError: levels that are not 0 <= background <= foreground < 1, an unknown setting or engine.
    """

    def __init__(
        self,
        output_dir: str | Path,
        previous: SeedStage,
        foreground: float = FOREGROUND_LEVEL,
        background: float = BACKGROUND_LEVEL,
        engine: str = "auto",
        crf: Mapping[str, Any] | None = None,
        processes: int = 1,
    ) -> None:
        if not 0 <= background <= foreground < 1:
            raise UsageError(
                f"seed_background, seed_foreground: 0 <= first <= second < 1 is needed, got {background}, {foreground}"
            )
        unknown = sorted(set(crf or {}) - set(CRFSettings.__dataclass_fields__))
        if unknown:
            known = ", ".join(CRFSettings.__dataclass_fields__)
            raise UsageError(f"dense CRF: unknown setting {', '.join(unknown)}; there are {known}")
        self.refine = partial(
            refined_seeds,
            foreground=foreground,
            background=background,
            settings=CRFSettings(**(crf or {})),
            engine=resolve_engine(engine),
        )
        settings = {
            "seed_foreground": foreground,
            "seed_background": background,
            "crf_engine": resolve_engine(engine),
            "crf": self.refine.keywords["settings"].__dict__,
        }
        super().__init__("crf", output_dir, settings, previous=previous)
        self.seeds = previous
        self.layout = RadiographLayout(self.folder, previous.dataset_dir, "seeds", ".png")
        self.processes = max(1, processes)

    def run(self) -> None:
        """Refine the seeds of all images that have evidence and no seeds yet.

        Raises:
            StageError: no image has evidence.
        """
        root = self.seeds.dataset_dir
        tasks = [
            SeedTask(name, self.seeds.layout.path(root / name), self.layout.path(root / name))
            for name in self.seeds.results()
        ]
        if not tasks:
            raise StageError(f"{self.seeds.folder}: no evidence in any image; nothing to make seeds from")
        self.begin()
        work = partial(_refine, self.refine)
        self.finish(parallel_map(work, tasks, processes=self.processes, description="crf"))


def read_seeds(path: Path) -> NDArray[np.uint8]:
    """Seeds [W, H] of a file.

    Raises:
        StageError: it is missing or damaged.
    """
    try:
        with Image.open(path) as picture:
            return np.ascontiguousarray(np.asarray(picture, dtype=np.uint8).T)
    except (OSError, SyntaxError, ValueError):
        reason = "damaged" if path.is_file() else "no such file"
    raise StageError(f"{path}: {reason}; --restart_stage crf makes it anew")


def _refine(refine: partial[NDArray[np.uint8]], task: SeedTask) -> Outcome:
    try:
        if task.seeds.is_file():
            seeds = read_seeds(task.seeds)
        else:
            evidence = read_evidence(task.evidence)
            seeds = refine(evidence.image, evidence.maps.astype(np.float32))
            write_png(task.seeds, np.ascontiguousarray(seeds.T))
    except Exception as error:  # the others go on
        return outcome_of(task.name, rejection(task.evidence, error))
    some = np.isin(seeds, (BACKGROUND, IGNORED), invert=True).any()
    return Outcome(task.name, OK) if some else Outcome(task.name, EMPTY, NO_SEEDS)
