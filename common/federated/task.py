"""What a federation trains: the part of a job that is the same at all sites."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from ..settings import check_settings
from .errors import FederatedError

TASK_FILE = "federated_task.json"

#: Knobs of train.yaml that a job must leave to the site, or that the rounds set.
_SITES_OWN = {
    "train_sites",
    "val_sites",
    "encoder_weights",
    "initial_weights",
    "lung_weights",
    "num_epochs",
    "early_stop_patience",
    "plateau",
    "plateau_patience",
    "use_tensorboard",
    "show_progress",
    "key_metric",
}


@dataclass(frozen=True)
class FederatedTask:
    """One bundle's training, divided into rounds.

    A task comes to a site from outside, and MONAI executes what a configuration says. So a task can only name a bundle
    and overlays that the site has itself, and give plain values to knobs that the bundle lists under ``settings``.

    Attributes:
        bundle: folder name of the bundle, such as "lung_seg".
        overlays: files below the bundle's ``configs`` on top of ``train.yaml``, such as
            "configs/networks/tiny_unet.yaml".
        settings: values of the bundle's knobs.
        local_epochs: epochs that a site trains in a round, 1 or more.
        epoch_steps: optimiser steps of an epoch, the same at all sites; None: one pass over the site's own images.
    """

    bundle: str
    overlays: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    local_epochs: int = 1
    epoch_steps: int | None = None

    def __post_init__(self) -> None:
        _check_plain(self)

    @property
    def config_files(self) -> list[str]:
        """Configuration files, relative to the bundle."""
        return ["configs/train.yaml", *self.overlays]

    def check(self, bundle_root: str | Path) -> dict[str, Any]:
        """Compare the task with a bundle.

        Args:
            bundle_root: the site's own copy of the bundle.

        Returns:
            The configuration as it is written, with the task's settings in it.

        Raises:
            FederatedError: no such bundle or overlay, a knob that it does not have or that is the site's own, or a
            network whose arguments are no plain values, which the server could not make.
            UsageError: a value that a knob cannot have.
        """
        root = Path(bundle_root)
        files = [root / name for name in self.config_files]
        for file in files:
            if not file.is_file():
                raise FederatedError(f"{file}: not found; a task names a bundle and overlays that the site has itself")
        parser = ConfigParser(ConfigParser.load_config_files([str(file) for file in files]))
        config: dict[str, Any] = parser.get()
        knobs = sorted(set(config.get("settings", {})) - _SITES_OWN)
        unknown = sorted(set(self.settings) - set(knobs))
        if unknown:
            raise FederatedError(f"{', '.join(unknown)}: no knob that a federation sets; it sets {', '.join(knobs)}")
        check_settings(self.settings)
        if not all(map(_is_data, config["network_def"].values())):
            raise FederatedError("network_def: plain values are needed as its arguments, no expressions")
        config.update(self.settings)
        return config

    def write(self, folder: str | Path) -> Path:
        """Write the task for the sites; returns the file."""
        file = Path(folder) / TASK_FILE
        file.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        return file

    @classmethod
    def read(cls, file: str | Path) -> FederatedTask:
        """Read what :meth:`write` wrote.

        Raises:
            FederatedError: no such file, or not a task.
        """
        try:
            content = json.loads(Path(file).read_text(encoding="utf-8"))
            return cls(**{**content, "overlays": tuple(content["overlays"])})
        except OSError as error:
            raise FederatedError(f"{file}: {error.strerror}") from error
        except (ValueError, TypeError, KeyError) as error:
            if isinstance(error, FederatedError):
                raise
            raise FederatedError(f"{file}: not a federated task ({error})") from error


def _check_plain(task: FederatedTask) -> None:
    if not isinstance(task.bundle, str) or not re.fullmatch(r"[A-Za-z0-9_]+", task.bundle):
        raise FederatedError(f"bundle: a folder name such as lung_seg is needed, got {task.bundle!r}")
    for name in task.overlays:
        if not isinstance(name, str) or not re.fullmatch(r"configs/[a-z_]+/[A-Za-z0-9_]+\.yaml", name):
            raise FederatedError(
                f"overlay {name!r}: a network, loss or augmentation of the bundle is needed, as in "
                "configs/networks/tiny_unet.yaml"
            )
    for option, number in (("local_epochs", task.local_epochs), ("epoch_steps", task.epoch_steps)):
        if number is None and option == "epoch_steps":
            continue
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise FederatedError(f"{option}: a whole number above 0 is needed, got {number!r}")
    if not isinstance(task.settings, Mapping):
        raise FederatedError(f"settings: values by the name of their knob are needed, got {task.settings!r}")
    for name, value in task.settings.items():
        if not _is_data(value):
            raise FederatedError(
                f"{name}: numbers, names and lists of them are accepted, no expressions: got {value!r}"
            )


def _is_data(value: Any) -> bool:
    # "$" is executed, "@" and "%" refer to other parts of a configuration, "_target_" calls.
    if isinstance(value, list | tuple):
        return all(map(_is_data, value))
    if isinstance(value, str):
        return not re.search(r"[$@%]", value)
    return value is None or isinstance(value, bool | int | float)
