"""One bundle as a part of the pipeline."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ignite.engine import Events
from monai.bundle import ConfigParser
from monai.transforms import Compose

from ..engines import FolderEvaluator
from ..errors import UsageError
from ..handlers import PredictionRecord
from .options import TORCH, PipelineOptions, check_known


class SteppedEvaluator(FolderEvaluator):
    """A bundle's evaluator whose batches are handed to it one by one, so that several can share a source of images.

    Handlers meet the same events as in :class:`common.engines.FolderEvaluator`.
    """

    def run(self, global_epoch: int = 1) -> None:
        """Begin: weights are loaded, the account is opened.

        Args:
            global_epoch: not used; the parameter is part of MONAI's interface.
        """
        self.fire_event(Events.STARTED)

    def step(self, batch: dict[str, Any]) -> None:
        """Evaluate one batch of :func:`common.data.collate_radiographs`."""
        self.state.iteration += 1
        self.state.batch = batch
        self.fire_event(Events.ITERATION_STARTED)
        self.state.output = self._iteration(self, batch)
        self.fire_event(Events.ITERATION_COMPLETED)

    def complete(self) -> None:
        """End: the account is closed."""
        self.fire_event(Events.COMPLETED)


@dataclass(frozen=True)
class Part:
    """A bundle's configuration, made ready to run beside others.

    Attributes:
        name: of the bundle.
        config: as it is written, with all changes and nothing resolved.
        parser: of a copy of it, which makes the objects.
    """

    name: str
    config: dict[str, Any]
    parser: ConfigParser

    @property
    def weights(self) -> Path:
        """File of the network's weights."""
        return Path(self.parser.get_parsed_content("weights"))

    @property
    def preprocessing(self) -> Compose:
        """The chain of transforms from file to network."""
        return self.parser.get_parsed_content("preprocessing")

    @property
    def undone(self) -> list[str]:
        """Paths of the files that an earlier run has not done.

        Raises:
            ResumeError: see :func:`common.handlers.finished_inputs`.
        """
        return [item["image"] for item in self.parser.get_parsed_content("dataset").data]

    @property
    def evaluator(self) -> SteppedEvaluator:
        """What runs the network and all that follows."""
        evaluator: SteppedEvaluator = self.parser.get_parsed_content("evaluator")
        return evaluator

    @property
    def record(self) -> PredictionRecord:
        """The account of all files."""
        record: PredictionRecord = self.parser.get_parsed_content("record")
        return record

    def check(self) -> None:
        """Do what the bundle does before anything else.

        Raises:
            RuntimeError: what the bundle's own checks have found, as the configuration layer wraps it.
        """
        self.parser.get_parsed_content("initialize")

    def begin(self) -> None:
        """Do what the bundle does to run, up to the first batch."""
        self.parser.get_parsed_content("run")


def load_part(name: str, options: PipelineOptions) -> Part:
    """Read a bundle's inference configuration and fit it to the pipeline.

    Args:
        name: folder of the bundle below ``options.bundles``.
        options: what to do.

    Raises:
        UsageError: no such bundle, no configuration for the runtime, a change of an id that it does not have.
    """
    root = options.bundles / name
    names = ["inference"] + ([] if options.runtime == TORCH else [f"inference_{options.runtime}"])
    files = [root / "configs" / f"{stem}.yaml" for stem in names]
    for file in files:
        if not file.is_file():
            raise UsageError(f"{file}: no such file; name the folder of the bundles by --bundles, or leave {name} out")
    config = ConfigParser.load_config_files([str(file) for file in files])
    changes = dict(options.changes.get(name, {}))
    check_known(name, changes, config)
    if options.write_overlays and "write_overlays" in config:
        changes.setdefault("write_overlays", True)
    parser = ConfigParser(config)
    parser.update(
        {
            "bundle_root": str(root),
            "dataset_dir": str(options.dataset_dir),
            "output_dir": str(options.output_dir / name),
            "batch_size": options.batch_size,
            "num_workers": options.num_workers,
            "resume_inference": options.resume,
            "dataset::data::exclude": str(options.output_dir),  # which holds the results of all parts
            "dataloader": [],
            "evaluator::_target_": f"{SteppedEvaluator.__module__}.{SteppedEvaluator.__name__}",
            **changes,
        }
    )
    for item in parser.config.values():
        if isinstance(item, dict) and item.get("_target_") == "common.inferers.OpenVINOInferer":
            item["_target_"] = "common.pipeline.OpenVINOInferer"
    for handler in parser["handlers"]:
        if isinstance(handler, dict) and str(handler.get("_target_")).endswith("ProgressBar"):
            handler["_disabled_"] = True  # one bar for all parts takes its place
    if options.runtime != TORCH and "lung_network" in config:
        parser["lung_network"] = {"_target_": "common.pipeline.LungNetwork", "module": parser["lung_network"]}
    return Part(name, copy.deepcopy(parser.config), parser)
