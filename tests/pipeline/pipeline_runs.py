"""Bundles with made-up lesion weights, a folder of films, and how tests run both ways through them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import monai.bundle
import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser

from common.data.phantom import radiograph_phantom
from common.data.phantom_files import write_picture
from common.pipeline import PARTS
from common.pipeline.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]
GOOD = ("a.png", "deep/b.dcm", "c.nii.gz")
BAD = ("empty.png", "flat.png")
#: Small enough for tests; lesion maps of made-up weights lie close to one value.
SMALL: dict[str, dict[str, Any]] = {
    "lung_seg": {"image_size": [128, 128]},
    "tb_cls": {"image_size": [128, 128]},
    "tb_seg": {"image_size": [64, 64], "lungs_only": False, "min_lesion_area": 0.0},
}


def write_films(folder: Path) -> Path:
    """Three radiographs of different formats and sizes, and two files that are refused."""
    for number, name in enumerate(GOOD):
        phantom = radiograph_phantom((112, 96 + 16 * number), seed=number, lesions=number)
        write_picture(folder / name, phantom.image, pixel=1.0)
    (folder / BAD[0]).touch()
    write_picture(folder / BAD[1], np.full((96, 96), 7, dtype=np.uint8))
    return folder


def copy_bundles(folder: Path) -> Path:
    """The bundles; weights of tb_seg are random, but tell parts of an image apart."""
    for name in PARTS:
        root = REPOSITORY / "bundles" / name
        shutil.copytree(root / "configs", folder / name / "configs")
        (folder / name / "models").mkdir()
        for file in (root / "models").iterdir():
            (folder / name / "models" / file.name).symlink_to(file)
    lesions = folder / "tb_seg" / "models" / "model.pt"
    lesions.unlink(missing_ok=True)
    config = ConfigParser.load_config_file(folder / "tb_seg" / "configs" / "inference.yaml")
    torch.manual_seed(0)
    state = ConfigParser({"network": config["network_def"]}).get_parsed_content("network").state_dict()
    last = [name for name, tensor in state.items() if tensor.ndim == 4][-1]
    state[last] *= 300
    torch.save(state, lesions)
    return folder


def run_in_turn(bundles: Path, films: Path, output: Path) -> Path:
    """What a user of the three bundles does."""
    for name in PARTS:
        with pytest.raises(SystemExit, match="3"):
            monai.bundle.run(
                bundle_root=str(bundles / name),
                config_file=str(bundles / name / "configs" / "inference.yaml"),
                dataset_dir=str(films),
                output_dir=str(output / name),
                num_workers=0,
                batch_size=2,
                logging_file=False,
                **SMALL[name],
            )
    return output


def pipeline(bundles: Path, films: Path, output: Path, *arguments: str, runtime: str = "torch") -> int:
    """Run the command line in this process; returns the exit status."""
    small = [f"{part}.{name}={value}" for part, values in SMALL.items() for name, value in values.items()]
    changes = [word for text in small for word in ("--set", text)]
    fixed = ["--bundles", str(bundles), "--num_workers", "0", "--batch_size", "2", "--runtime", runtime]
    return main([str(films), str(output), *fixed, *changes, *arguments])


def contents(folder: Path) -> dict[str, Any]:
    """All files below a folder: bytes, and of the records of runs what does not depend on time."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found: dict[str, Any] = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    for name in found:
        if name.endswith("run.json"):
            found[name] = {**json.loads(found[name]), "seconds": None}
    return found


def table(output: Path) -> pd.DataFrame:
    """The table of a run as it is written, by image."""
    return pd.read_csv(output / "predictions.csv", keep_default_na=False, dtype=str).set_index("image")
