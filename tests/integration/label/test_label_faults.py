"""What ``python -m common.label`` refuses, with the real environment of MONAI Label."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from label_server import REPOSITORY, label_command, refused, variables

LUNGS = "cxr_lung_segmentation"


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    folder = tmp_path / "studies"
    folder.mkdir()
    return folder


def test_a_bundle_without_weights_or_of_a_later_version(prepared_app: Path, studies: Path, tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(prepared_app, app)
    place = app / "model" / LUNGS / "configs" / "metadata.json"
    metadata = json.loads(place.read_text())
    place.write_text(json.dumps({**metadata, "monai_version": "9.1.0"}))
    assert "made for monai 9.1.0, the environment has 1." in refused(app, studies)
    place.write_text(json.dumps(metadata))
    weights = app / "model" / LUNGS / "models" / "model.pt"
    weights.unlink()
    assert f"{weights}: no weights; `python -m common.label prepare --replace`" in refused(app, studies)


def test_prepare_keeps_what_is_there(prepared_app: Path, tmp_path: Path) -> None:
    app = tmp_path / "app"
    shutil.copytree(prepared_app, app)
    trained = app / "model" / LUNGS / "models" / "model.pt"
    trained.write_bytes(b"trained here")
    done = subprocess.run(
        label_command("prepare", "--app", str(app)), cwd=REPOSITORY, env=variables(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("is there and stays as it is") == 4
    assert trained.read_bytes() == b"trained here"
