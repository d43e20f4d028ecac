"""Fixtures of the tests against a real archive."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from orthanc_server import Orthanc, needs_orthanc

pytest.importorskip("dicomweb_client", reason="dicomweb-client, of the extra archive, is not installed")
Command = Callable[..., tuple[int, str, str]]

# Certificates and small files are made as in the tests without an archive, MONAI Label is started as in its own tests.
sys.path += [str(Path(__file__).parents[2] / "archive"), str(Path(__file__).parents[1] / "label")]


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Callable[..., Orthanc]]:
    """Function that starts an Orthanc; all are stopped at the end."""
    needs_orthanc()
    with ExitStack() as running:

        def start(**options: Any) -> Orthanc:
            return running.enter_context(Orthanc(tmp_path / f"orthanc{len(list(tmp_path.iterdir()))}", **options))

        yield start


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Function that runs a command line and gives status, stdout and stderr."""

    from common.archive.commands import main

    def run(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err.replace("\r", "\n")

    return run
