"""A run on one machine: what is trained, from what data, into which folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from .errors import FederatedError
from .initial import SHIPPED
from .site import Site
from .task import FederatedTask


@dataclass(frozen=True)
class Plan:
    """Sites of one data folder that train as if each were an institution.

    Attributes:
        task: what is trained.
        bundles: folder of the bundles.
        dataset_dir: folder with ``index.csv``.
        output_dir: folder for everything that is written.
        sites: name of a site -> values of the index column ``dataset`` that are its own.
        rounds: number of rounds.
        initial: see :func:`.initial.initial_state`.
        seed: of random weights; the seed of training is the task's.
        min_clients: contributions that a round needs.
        round_timeout: seconds that a round waits for its sites.
        keep_rounds: keep the weights of every round, as :func:`.selection.choose_round` needs them.
    """

    task: FederatedTask
    bundles: Path
    dataset_dir: Path
    output_dir: Path
    sites: Mapping[str, tuple[str, ...]]
    rounds: int
    initial: str = SHIPPED
    seed: int = 0
    min_clients: int = 1
    round_timeout: int = 3600
    keep_rounds: bool = False

    @property
    def bundle_root(self) -> Path:
        """Folder of the bundle."""
        return self.bundles / self.task.bundle

    def site(self, name: str) -> Site:
        """What the site of this name knows of itself."""
        return Site(
            bundles=str(self.bundles.absolute()),
            dataset_dir=str(self.dataset_dir.absolute()),
            output_dir=str(self.folder(name).absolute()),
            sites=self.sites[name],
        )

    def folder(self, name: str) -> Path:
        """Where a site's own files go."""
        return self.output_dir / "sites" / name

    def check(self) -> dict[str, Any]:
        """Look at everything that would otherwise come to light in the middle of a run.

        Returns:
            See :meth:`.task.FederatedTask.check`.

        Raises:
            FederatedError: no site, a site without rows, numbers below 1, more contributions asked for than sites.
            UsageError: see :meth:`.task.FederatedTask.check`.
        """
        if not self.sites:
            raise FederatedError("sites: none given; a federation needs one or more values of the index column dataset")
        for option, value in (("rounds", self.rounds), ("min_clients", self.min_clients)):
            if value < 1:
                raise FederatedError(f"{option}: a whole number above 0 is needed, got {value}")
        if self.min_clients > len(self.sites):
            raise FederatedError(f"min_clients: {self.min_clients} of {len(self.sites)} sites cannot be had")
        config = self.task.check(self.bundle_root)
        for name in self.sites:
            self.count(config, name)
        return config

    def count(self, config: Mapping[str, Any], name: str) -> int:
        """Number of training images of a site.

        Raises:
            FederatedError: no rows in the training or the validation list.
        """
        numbers = []
        for part, rows in (("train", "train_sites"), ("validate", "val_sites")):
            ids = dict(config)
            ids.update({"bundle_root": str(self.bundle_root), "dataset_dir": str(self.dataset_dir)})
            ids[rows] = list(self.sites[name])
            try:
                numbers.append(len(ConfigParser(ids).get_parsed_content(f"{part}#dataset#data")))
            except Exception as error:  # the configuration layer wraps the reader's own error
                inner = error
                while inner.__cause__ is not None:
                    inner = inner.__cause__  # type: ignore[assignment]
                raise FederatedError(f"site {name}: {inner}") from error
        return numbers[0]
