"""The app folder is made once; every server has a copy of it and studies of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from label_server import ENVIRONMENT, REPOSITORY, LabelServer, label_command, variables


@pytest.fixture(scope="session")
def prepared_app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app folder with the four exported bundles; CXR_LABEL_APP names one that was made before."""
    if not (ENVIRONMENT / "bin" / "python").is_file():
        pytest.skip(f"no environment of MONAI Label in {ENVIRONMENT}: `make test-integration` makes it")
    if "CXR_LABEL_APP" in os.environ:
        return Path(os.environ["CXR_LABEL_APP"])
    app = tmp_path_factory.mktemp("label") / "app"
    done = subprocess.run(
        label_command("prepare", "--app", str(app)), cwd=REPOSITORY, env=variables(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return app


@pytest.fixture(scope="module")
def serve(prepared_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LabelServer]]:
    """Start a server on a folder of studies, with an app folder of its own unless one is given."""
    servers = []

    def start(studies: Path, app: Path | None = None) -> LabelServer:
        folder = tmp_path_factory.mktemp("served")
        if app is None:
            app = folder / "app"
            shutil.copytree(prepared_app, app)
        server = LabelServer(app, studies, folder / "log.txt")
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.kill()
