"""Fixtures of the tests that run bundles."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from bundle_facts import BUNDLES, LUNG_SEG, Bundle, Outcome, command_line
from two_lungs import bright_network, picture, truth

from common.data.phantom_dataset import write_phantom_dataset
from common.data.phantom_files import write_picture


@pytest.fixture(params=BUNDLES, ids=lambda bundle: bundle.name)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    """Every bundle in turn."""
    found: Bundle = request.param
    return found


@pytest.fixture
def lung_seg() -> Bundle:
    """The lung segmentation bundle."""
    return LUNG_SEG


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of ten phantoms of 96 x 96 pixels: six to train on, two to validate, two to test."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_dataset(folder, 10, seed=1, size=(96, 96))
    return folder


@pytest.fixture(scope="session")
def training(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Bundle], Path]:
    """Function that trains the small network of a bundle, once."""
    folders: dict[str, Path] = {}

    def train(bundle: Bundle) -> Path:
        if bundle.name not in folders:
            folder = tmp_path_factory.mktemp("trained")
            assert bundle.train(dataset_dir=phantoms, output_dir=folder, num_epochs=1) == 0
            folders[bundle.name] = folder
        return folders[bundle.name]

    return train


@pytest.fixture
def trained(request: pytest.FixtureRequest, training: Callable[[Bundle], Path]) -> Path:
    """Output folder of a short training run of the test's bundle (else lung_seg), with ``models/model.pt``."""
    of_test = "bundle" in request.fixturenames
    return training(request.getfixturevalue("bundle") if of_test else LUNG_SEG)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of inputs with one good radiograph."""
    write_picture(tmp_path / "in" / "good.png", picture(truth()))
    return tmp_path / "in"


@pytest.fixture
def infer(lung_seg: Bundle, tmp_path: Path) -> Callable[..., int]:
    """Function that runs inference with the known network on ``tmp_path/in`` into ``tmp_path/out``."""

    def run(*overlays: str, **options: Any) -> int:
        defaults = {"dataset_dir": tmp_path / "in", "output_dir": tmp_path / "out", "num_workers": 0}
        return lung_seg.run("inference", *overlays, **{**defaults, **bright_network(tmp_path), **options})

    return run


@pytest.fixture
def command(lung_seg: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Function that runs a command line on a configuration of lung_seg; options with a value None are left out."""

    def run(*names: str, **options: Any) -> Outcome:
        files = lung_seg.files(*names)
        given = {"bundle_root": lung_seg.root, "config_file": str(files), "output_dir": tmp_path / "out", **options}
        arguments = [text for name, value in given.items() if value is not None for text in (f"--{name}", str(value))]
        return command_line(capsys, "run", *arguments)

    return run


@pytest.fixture
def infer_command(command: Callable[..., Outcome], tmp_path: Path) -> Callable[..., Outcome]:
    """Function that does what ``infer`` does on the command line."""

    def run(*overlays: str, **options: Any) -> Outcome:
        defaults = {"dataset_dir": tmp_path / "in", "num_workers": 0, **bright_network(tmp_path)}
        return command("inference", *overlays, **{**defaults, **options})

    return run


@pytest.fixture(autouse=True)
def _leave_global_state_alone() -> Iterator[None]:
    """Runs set seeds, deterministic algorithms and log handlers for the whole process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    deterministic = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    state = torch.get_rng_state()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = deterministic
    torch.set_rng_state(state)
