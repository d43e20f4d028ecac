"""Export and import where the system takes no more, as on a full disk: one line, and nothing half done is left."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shared_bundles import pack, source

from common.sharing import export
from common.sharing.__main__ import main


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., str]]:
    """Function that runs a command while no file may grow beyond a size, and gives the one line that it says."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def run(size: int, *words: object) -> str:
        capsys.readouterr()
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            assert main([str(word) for word in words]) == 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        (line,) = [line for line in capsys.readouterr().err.splitlines() if not line.endswith("…")]
        return line

    yield run
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_import_leaves_nothing(fails: Callable[..., str], small: Path, tmp_path: Path) -> None:
    archive = pack(small, tmp_path / "x.zip")
    line = fails(2000, "import", archive, tmp_path / "bundles", "--no-run")
    assert line.startswith("error: ")
    assert "File too large" in line
    assert list((tmp_path / "bundles").iterdir()) == []


@pytest.mark.parametrize(
    ("form", "size", "stopped"),
    [
        ("standalone", 50_000, "model.pt: "),
        ("standalone", 2**22, "x.zip: "),
        ("weights", 2**18, ".whl: "),
        ("weights", 2**22, "x.zip: "),
    ],
)
def test_an_export_leaves_nothing(
    fails: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, size: int, stopped: str
) -> None:
    monkeypatch.setattr(export, "make_reference", lambda folder, wheel: None)
    folder = tmp_path / "lung_seg"
    ignored = shutil.ignore_patterns("eval", "runs", "training", "*int8*", "residual_unet.pt")
    shutil.copytree(source("lung_seg"), folder, ignore=ignored)
    if size > 50_000:
        shutil.copyfile(folder / "models" / "tiny_unet.pt", folder / "models" / "model.pt")
    if size == 2**22:
        for name in ("more.json", "still_more.json"):
            (folder / "models" / name).write_text("[" + "0," * (2**20) + "0]")
    (tmp_path / "out").mkdir()
    line = fails(size, "export", folder, tmp_path / "out" / "x.zip", "--form", form)
    assert line.startswith("error: ")
    assert stopped in line
    assert "File too large" in line
    assert list((tmp_path / "out").iterdir()) == []
