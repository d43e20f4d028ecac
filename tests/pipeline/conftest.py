"""Fixtures of the tests of the pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipeline_runs import copy_bundles, pipeline, run_in_turn, write_films

from common.io import RadiographReader
from common.transforms import FindLungsd


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the three bundles, all of them with weights."""
    return copy_bundles(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of three radiographs and two files that are refused."""
    return write_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def in_turn(bundles: Path, films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the three bundles run in turn."""
    return run_in_turn(bundles, films, tmp_path_factory.mktemp("in_turn"))


@pytest.fixture(autouse=True)
def kept_here(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Converted networks are kept in a folder of the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def infer(bundles: Path, films: Path, tmp_path: Path) -> Callable[..., int]:
    """Function that runs the pipeline on the films into ``tmp_path/out``."""

    def run(*arguments: str, **options: Any) -> int:
        return pipeline(options.pop("bundles", bundles), films, tmp_path / "out", *arguments, **options)

    return run


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was read, by name."""
    return _count(monkeypatch, RadiographReader, "get_data", lambda paths: paths[0].name)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often lungs were searched for, by name of the file."""
    return _count(monkeypatch, FindLungsd, "find", lambda image: Path(image.meta["filename_or_obj"]).name)


def _count(patch: pytest.MonkeyPatch, owner: type, method: str, name: Callable[[Any], str]) -> Counter[str]:
    calls: Counter[str] = Counter()
    original = getattr(owner, method)

    def counted(self: Any, argument: Any) -> Any:
        calls[name(argument)] += 1
        return original(self, argument)

    patch.setattr(owner, method, counted)
    return calls
