"""Inference of a bundle on chosen rows of an index, before they are evaluated."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from monai.bundle import ConfigParser

from .errors import EvaluationError

#: Exit status of a bundle that has done what it could: everything, or all but some listed files.
_DONE = (0, 3)


def listed_items(dataset_dir: str | Path, list_file: str | Path) -> list[dict[str, str]]:
    """Items ``{"image": path}`` of the images that a file lists.

    Args:
        dataset_dir: folder of the images.
        list_file: JSON list of paths below it.
    """
    names = json.loads(Path(list_file).read_text(encoding="utf-8"))
    return [{"image": str(Path(dataset_dir) / name)} for name in names]


def bundle_split_column(bundle: str | Path) -> str:
    """The index column that the bundle's ``evaluate.yaml`` takes its lists from; empty where it names none."""
    path = Path(bundle) / "configs/evaluate.yaml"
    if not path.is_file():
        return ""
    return str(ConfigParser.load_config_file(str(path)).get("split_column") or "")


def run_bundle(
    bundle: str | Path,
    rows: pd.DataFrame,
    dataset_dir: str | Path,
    output_dir: str | Path,
    overlays: Sequence[str] = (),
) -> None:
    """Run ``inference.yaml`` of a bundle in a process of its own; what an earlier call has done is not done again.

    Args:
        bundle: its folder.
        rows: rows of the index whose images are wanted.
        dataset_dir: folder of the index.
        output_dir: for what the bundle writes.
        overlays: names of files in its ``configs``, without their ending, such as "inference_openvino".

    Raises:
        EvaluationError: no such file in the bundle, or the run has failed; it has said why.
    """
    files = [Path(bundle) / "configs" / f"{name}.yaml" for name in ("inference", *overlays)]
    for file in files:
        if not file.is_file():
            raise EvaluationError(f"{file}: no such file; a bundle has configs/inference.yaml")
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "images.json"
        listed.write_text(json.dumps(rows["image"].tolist()), encoding="utf-8")
        target = f"{listed_items.__module__}.{listed_items.__name__}"
        items: dict[str, Any] = {"_target_": target, "dataset_dir": "@dataset_dir", "list_file": str(listed)}
        chosen = Path(folder) / "chosen.json"
        chosen.write_text(json.dumps({"dataset#data": items}), encoding="utf-8")
        settings = {
            "bundle_root": str(bundle),
            "config_file": str([str(file) for file in (*files, chosen)]),
            "dataset_dir": str(dataset_dir),
            "output_dir": str(output_dir),
            "resume_inference": "True",
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        done = subprocess.run([sys.executable, "-m", "monai.bundle", "run", *words], check=False)
    if done.returncode not in _DONE:
        raise EvaluationError(f"{bundle}: its inference has ended with status {done.returncode}; see the lines above")
