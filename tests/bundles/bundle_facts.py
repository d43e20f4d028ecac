"""What the battery of tests needs to know about each bundle, and how it runs one."""

from __future__ import annotations

import logging
import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import monai.bundle
import pytest
import yaml
from monai.bundle import ConfigWorkflow
from PIL import Image

from common.errors import UsageError, causes

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Bundle:
    """One bundle.

    Attributes:
        name: folder below ``bundles``.
        small_network: overlay with a network that trains in seconds.
        small: options that make that network and its images small, in training and in inference.
        label_only: ``_target_``s of training that touch nothing but labels; all other transforms must be those of
            inference.
        side: a width and height that the default network accepts, to try exports on.
        metric: column of ``curves.csv`` and value of the metric that chooses the weights.
        outputs: endings of the files that inference writes for an image by default.
        learning: options under which the small network learns in 20 epochs, whatever the seed; batch normalisation of
            few images makes a classifier's loss jump, hence all six in one batch.
        metric_rises: whether two phantoms show by the metric that it learns; an AUC of two images is 0, 0.5 or 1, and
            small lesions are not yet found after 20 epochs of three steps.
        other_network: a network that does not take the small one's weights and whose result lies in its weights alone.
        knobs: of the preprocessing.
        variants: other settings of the preprocessing, each of which training and inference must share.
    """

    name: str
    small_network: str
    metric: str
    small: dict[str, Any] = field(default_factory=dict)
    label_only: tuple[str, ...] = ()
    side: int = 64
    outputs: tuple[str, ...] = ()
    learning: dict[str, Any] = field(default_factory=dict)
    metric_rises: bool = True
    other_network: dict[str, Any] = field(default_factory=dict)
    knobs: tuple[str, ...] = ()
    variants: tuple[dict[str, Any], ...] = ()

    @property
    def root(self) -> Path:
        """Folder of the bundle."""
        return REPOSITORY / "bundles" / self.name

    @property
    def configs(self) -> Path:
        """Folder of its configurations."""
        return self.root / "configs"

    def files(self, *names: str) -> list[str]:
        """Paths of configurations, by their names below ``configs`` without the ending; a path stays as it is."""
        return [name if os.path.isabs(name) else str(self.configs / f"{name}.yaml") for name in names]

    def overlays(self, folder: str) -> list[str]:
        """Names of all overlays in a folder below ``configs``."""
        return sorted(f"{folder}/{path.stem}" for path in (self.configs / folder).glob("*.yaml"))

    def load(self, name: str) -> dict[str, Any]:
        """A configuration as it is written."""
        content: dict[str, Any] = yaml.safe_load((self.configs / f"{name}.yaml").read_text(encoding="utf-8"))
        return content

    def workflow(self, kind: str, *names: str, **options: Any) -> ConfigWorkflow:
        """An initialised workflow; ``kind`` is "train" or "infer"."""
        workflow = ConfigWorkflow(
            config_file=self.files(*names),
            workflow_type=kind,
            logging_file=False,
            bundle_root=str(self.root),
            **options,
        )
        workflow.initialize()
        return workflow

    def run(self, *names: str, **options: Any) -> int:
        """Run a configuration in this process; returns the exit status that it asks for.

        An error of use is raised as such, without the layers that the configuration puts around it.
        """
        try:
            monai.bundle.run(
                bundle_root=str(self.root), config_file=self.files(*names), logging_file=False, **_texts(options)
            )
        except SystemExit as stop:
            return int(stop.code or 0)
        except RuntimeError as error:
            for cause in causes(error):
                if isinstance(cause, UsageError):
                    raise cause from None
            raise
        return 0

    def train(self, *overlays: str, **options: Any) -> int:
        """Train the small network."""
        fast = {"use_tensorboard": False, "show_progress": False, "batch_size": 2, **self.small}
        return self.run("train", self.small_network, *overlays, **{**fast, **options})

    def infer(self, *overlays: str, **options: Any) -> int:
        """Run inference with the small network."""
        return self.run("inference", self.small_network, *overlays, **{"num_workers": 0, **self.small, **options})


LUNG_SEG = Bundle(
    name="lung_seg",
    small_network="networks/tiny_unet",
    metric="val_mean_dice",
    small={"image_size": [32, 32]},
    label_only=("common.transforms.UniteMasksd", "AsDiscreted"),
    outputs=("_lungs.png",),
    learning={"learning_rate": 0.01},
    other_network={"_target_": "common.networks.UNet", "features": [4, 8]},
    knobs=("image_size", "percentiles", "crop_border", "median_filter"),
    variants=({"crop_border": True, "median_filter": True, "percentiles": [5, 95]},),
)
TB_CLS = Bundle(
    name="tb_cls",
    small_network="networks/efficientnet_lite0",
    metric="val_auc",
    small={"image_size": [64, 64], "lung_crop": False, "encoder_weights": "$None"},
    label_only=("SelectItemsd",),
    side=96,
    learning={
        "learning_rate": 0.001,
        "batch_size": 6,
        "group_balance": 0.0,
        "label_smoothing": 0.0,
        "flip_prob": 0.0,
        "contrast_prob": 0.0,
        "early_stop_patience": 20,
    },
    metric_rises=False,
    other_network={"_target_": "common.networks.VGGClassifier"},
    knobs=("image_size", "percentiles", "lung_crop", "lung_margin"),
    variants=({"lung_crop": False, "percentiles": [5, 95]}, {"lung_margin": 0.2}),
)
TB_SEG = Bundle(
    name="tb_seg",
    small_network="networks/efficientnet_lite0_unet",
    metric="val_mean_dice",
    small={
        "image_size": [64, 64],
        "lung_crop": False,
        "encoder_weights": "$None",
        "steps_per_epoch": 3,
    },
    label_only=("common.transforms.BoxesToMaskd", "AsDiscreted", "SelectItemsd"),
    side=96,
    outputs=("_tb.png",),
    learning={"learning_rate": 0.003, "flip_prob": 0.0, "contrast_prob": 0.0, "early_stop_patience": 20},
    metric_rises=False,
    other_network={"_target_": "common.networks.UNet", "features": [4, 8]},
    knobs=("image_size", "percentiles", "lung_crop", "lung_margin"),
    variants=({"lung_crop": False, "percentiles": [5, 95]}, {"lung_margin": 0.2}),
)
BUNDLES = (LUNG_SEG, TB_CLS, TB_SEG)


def _texts(options: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}


@dataclass(frozen=True)
class Outcome:
    """How a command line ended.

    Attributes:
        status: exit status.
        out: standard output.
        err: standard error, with what is printed about an exception.
    """

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of standard error that starts with "error:"."""
        lines = [line for line in self.err.splitlines() if line.startswith("error:")]
        assert len(lines) == 1, self.err
        return lines[0]


def command_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    """Run ``python -m monai.bundle ARGUMENTS`` in this process, without the seconds that imports take.

    An exception goes to ``sys.excepthook``, as the interpreter would hand it.
    """
    capsys.readouterr()
    before, hook, factory = sys.argv, sys.excepthook, logging.getLogRecordFactory()
    # Loggers of earlier tests still write to streams that were theirs.
    logging.raiseExceptions = False
    sys.argv = ["-m", *arguments, "--logging_file", "False"]
    status = 0
    try:
        runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
    except BaseException as error:
        status = 1
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.argv, sys.excepthook = before, hook
        logging.setLogRecordFactory(factory)
        logging.raiseExceptions = True
    out, err = capsys.readouterr()
    return Outcome(status, out, err)


@contextmanager
def broken_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A disk that is full after the first ten bytes of every picture."""

    def save(picture: Image.Image, stream: Any, *arguments: Any, **options: Any) -> None:
        stream.write(b"\x89PNG\r\n\x1a\n\0\0")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", save)
        yield
