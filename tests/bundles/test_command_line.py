"""The commands of the documentation in processes of their own, from a foreign folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bundle_facts import Bundle
from PIL import Image
from two_lungs import bright_network, picture, truth

from common.data.phantom_files import write_picture

pytestmark = pytest.mark.slow


def monai_bundle(folder: Path, *arguments: Any) -> subprocess.CompletedProcess[str]:
    """``python -m monai.bundle ARGUMENTS`` in ``folder``, with nothing but the installed packages."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CXR_TRACEBACK")}
    return subprocess.run(
        [sys.executable, "-m", "monai.bundle", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_inference_from_a_foreign_folder_with_relative_paths(lung_seg: Bundle, tmp_path: Path) -> None:
    elsewhere = tmp_path / "some where"
    write_picture(elsewhere / "films" / "é.png", picture(truth()))
    write_picture(elsewhere / "films" / "below" / "b.dcm", picture(truth(), np.uint16))
    root = os.path.relpath(lung_seg.root, elsewhere)
    options = [part for name, value in bright_network(tmp_path).items() for part in (f"--{name}", value)]
    command = ["run", "--bundle_root", root, "--config_file", f"{root}/configs/inference.yaml", *options]
    done = monai_bundle(elsewhere, *command, "--dataset_dir", "films", "--output_dir", "masks")
    assert done.returncode == 0, done.stderr
    assert "2 done, 0 refused, 0 failed: masks/predictions.csv" in done.stdout
    for name in ("é_lungs.png", "below/b.dcm_lungs.png"):
        with Image.open(elsewhere / "masks" / name) as mask:
            assert np.array_equal(np.asarray(mask) > 0, truth())
    assert sorted(path.name for path in elsewhere.iterdir()) == ["films", "masks"]

    # The same with a file that cannot be used: status 3 and a line for it.
    (elsewhere / "films" / "text.png").write_text("no picture")
    some = monai_bundle(elsewhere, *command, "--dataset_dir", "films", "--output_dir", "masks")
    assert some.returncode == 3
    assert some.stdout.splitlines()[-1].startswith("refused: text.png: not an image of an accepted format")
    assert "Traceback" not in some.stdout + some.stderr


def test_a_run_that_cannot_start_ends_with_status_1_and_one_line(lung_seg: Bundle, tmp_path: Path) -> None:
    root = lung_seg.root
    command = ["run", "--bundle_root", root, "--config_file", root / "configs" / "inference.yaml"]
    none = monai_bundle(tmp_path, *command, "--dataset_dir", "nowhere", "--output_dir", "out")
    assert none.returncode == 1
    assert none.stderr.splitlines()[-1] == "error: nowhere: no such folder"
    assert "Traceback" not in none.stdout + none.stderr
    assert list(tmp_path.iterdir()) == []


def test_training_from_a_foreign_folder(lung_seg: Bundle, phantoms: Path, tmp_path: Path) -> None:
    root = lung_seg.root
    done = monai_bundle(
        tmp_path,
        *("run", "--bundle_root", root),
        *("--config_file", f"['{root}/configs/train.yaml','{root}/configs/{lung_seg.small_network}.yaml']"),
        *("--dataset_dir", phantoms, "--output_dir", "run", "--image_size", "[32, 32]", "--num_epochs", 1),
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "run" / "models").iterdir()) == ["last.pt", "model.pt"]
    assert len(pd.read_csv(tmp_path / "run" / "curves.csv")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
