"""Fixtures of the tests of sharing: every bundle is exported once."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shared_bundles import BUNDLES, extract, is_described, shrink_weights, source
from warm_interpreter import WarmInterpreter

from common.sharing import Exported, export_bundle, isolated


@pytest.fixture(scope="session", autouse=True)
def warm_interpreter() -> Iterator[WarmInterpreter]:
    """Runs without the package start from an interpreter that has imported everything else."""
    interpreter = WarmInterpreter()
    patch = pytest.MonkeyPatch()
    patch.setattr(isolated, "subprocess", interpreter)
    yield interpreter
    patch.undo()
    interpreter.close()


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Exported]:
    """Function that exports a bundle, once in each form."""
    done: dict[tuple[str, str], Exported] = {}

    def export(name: str, form: str = "standalone") -> Exported:
        if (name, form) not in done:
            target = tmp_path_factory.mktemp("archive") / f"{name}.zip"
            done[name, form] = export_bundle(source(name), target, form=form)
        return done[name, form]

    return export


@pytest.fixture(scope="session")
def unpacked(exported: Callable[..., Exported], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Function that gives the folder of an exported bundle; not to be changed."""
    done: dict[tuple[str, str], Path] = {}

    def unpack(name: str, form: str = "standalone") -> Path:
        if (name, form) not in done:
            done[name, form] = extract(exported(name, form).archive, tmp_path_factory.mktemp("some where"))
        return done[name, form]

    return unpack


@pytest.fixture(params=BUNDLES)
def name(request: pytest.FixtureRequest) -> str:
    """Every bundle of the tree in turn."""
    found: str = request.param
    if not is_described(found):
        pytest.skip(f"the page of {found} has no section License yet")
    return found


@pytest.fixture
def small(unpacked: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with some files of an exported bundle and weights of a few bytes, to spoil; it would not run."""
    original = unpacked("lung_seg")
    folder = tmp_path / "work" / original.name
    models = ("models/*.pt", "models/*.json", "models/networks/*.pt")
    kept = ("LICENSE", "configs/*.*", "docs/*.*", *models, "scripts/__init__.py", "scripts/common/networks/*.py")
    for path in (path for pattern in kept for path in original.glob(pattern)):
        target = folder / path.relative_to(original)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    shrink_weights(folder)
    return folder


@pytest.fixture(autouse=True)
def _leave_loggers_alone() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
