"""Fixtures of the tests of the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("dicomweb_client", reason="dicomweb-client, of the extra archive, is not installed")

from archive_files import radiograph
from fake_archive import FakeArchive, serving

from common.archive import connection
from common.archive.commands import main
from common.archive.connection import Archive, open_archive

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fake() -> Iterator[FakeArchive]:
    """An empty archive that answers on loopback."""
    with serving(FakeArchive()) as archive:
        yield archive


@pytest.fixture
def opened(fake: FakeArchive) -> Callable[..., Archive]:
    """Function that opens the archive; waiting between attempts takes no time and is noted."""

    def start(timeout: float = 5.0, attempts: int = 3) -> Archive:
        archive = open_archive(fake.url, timeout=timeout, attempts=attempts, tell=told.append)
        archive.sleep = waits.append
        archive.waits, archive.told = waits, told  # type: ignore[attr-defined]
        return archive

    waits: list[float] = []
    told: list[str] = []
    return start


@pytest.fixture
def three(tmp_path: Path, fake: FakeArchive) -> list[Path]:
    """Three radiographs that the archive holds, each of a patient of its own."""
    paths = [radiograph(tmp_path / "source" / f"p{number}.dcm", number) for number in range(3)]
    fake.add(*paths)
    return paths


@pytest.fixture
def one(fake: FakeArchive, tmp_path: Path) -> Path:
    """The one radiograph of the archive."""
    path = radiograph(tmp_path / "source" / "p.dcm")
    fake.add(path)
    return path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Function that runs a command line and gives status, stdout and stderr."""
    for name in ("CXR_ARCHIVE_PASSWORD", "CXR_ARCHIVE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(connection.time, "sleep", lambda seconds: None)

    def run(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run
