"""Fixtures of the tests that run bundles."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from bundle_facts import BUNDLES, LUNG_SEG, Bundle

from common.data.phantom_dataset import write_phantom_dataset


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
def trained(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a short training run of lung_seg's small network, with ``models/model.pt``."""
    folder = tmp_path_factory.mktemp("trained")
    assert LUNG_SEG.train(dataset_dir=phantoms, output_dir=folder, num_epochs=1) == 0
    return folder


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
