"""Training in two processes that talk over gloo: the figures of one process, and one process that writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from bundle_facts import LUNG_SEG, TB_CLS, TB_SEG, Bundle

from common.data.phantom_dataset import write_phantom_dataset
from common.networks import UNet, VGGClassifier

pytestmark = pytest.mark.slow

#: Of each bundle one without batch statistics, which would follow the images even without learning.
NETWORKS: dict[str, dict[str, Any]] = {
    LUNG_SEG.name: {"_target_": "common.networks.UNet", "features": [4, 8, 8]},
    TB_CLS.name: {"_target_": "common.networks.VGGClassifier"},
    TB_SEG.name: {"_target_": "common.networks.UNet", "features": [4, 8, 8]},
}


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five images to validate (three with lesions), three to train on: no number is even."""
    folder = tmp_path_factory.mktemp("uneven")
    index = write_phantom_dataset(folder, 8, seed=3, size=(96, 96))
    table = pd.read_csv(index, dtype=str, keep_default_na=False)
    table["seg_split"] = table["cls_split"] = ["train" if row in (0, 3, 4) else "val" for row in range(8)]
    table["det_split"] = table["cls_split"].where(table["boxes"] != "", "")
    table.to_csv(index, index=False)
    return folder


@pytest.fixture
def weights(bundle: Bundle, tmp_path: Path) -> Path:
    """Weights with which some pixels of each image are lung, or lesion, and some are not."""
    torch.manual_seed(1)
    network = VGGClassifier() if bundle is TB_CLS else UNet(features=[4, 8, 8])
    file = tmp_path / "start.pt"
    torch.save(network.state_dict(), file)
    return file


def options(bundle: Bundle, data: Path, output: Path) -> dict[str, object]:
    return {
        **bundle.small,
        "dataset_dir": str(data),
        "output_dir": str(output),
        "network_def": NETWORKS[bundle.name],
        "encoder_weights": "$None",
        "batch_size": 2,
        "num_epochs": 2,
        "learning_rate": 0.0,
        "amp": False,
    }


def train_in_two_processes(bundle: Bundle, folder: Path, given: dict[str, object], *overlays: str) -> str:
    files = bundle.files("train", "multi_gpu_train", *overlays)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += ["-m", "monai.bundle", "run", "--bundle_root", str(bundle.root), "--config_file", str(files)]
    command += [part for name, value in given.items() for part in (f"--{name}", str(value))]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_two_processes_validate_as_one_and_one_of_them_writes(
    bundle: Bundle, uneven: Path, weights: Path, tmp_path: Path
) -> None:
    alone = {**options(bundle, uneven, tmp_path / "one"), "use_tensorboard": False, "show_progress": False}
    assert bundle.run("train", initial_weights=str(weights), **alone) == 0
    together = options(bundle, uneven, tmp_path / "two")
    train_in_two_processes(bundle, tmp_path, {**together, "initial_weights": str(weights)})

    one, two = (pd.read_csv(tmp_path / name / "curves.csv") for name in ("one", "two"))
    assert list(two["epoch"]) == [1, 2]
    assert 0.01 < one[bundle.metric].iloc[0] < 0.99
    # Without learning all epochs and both runs have the same network; an odd number of images counts once each.
    assert two[bundle.metric].tolist() == pytest.approx(one[bundle.metric].tolist(), abs=1e-6)

    found = sorted(str(path.relative_to(tmp_path / "two")) for path in (tmp_path / "two").rglob("*") if path.is_file())
    events = [name for name in found if name.startswith("events.out.tfevents.")]
    assert [name for name in found if name not in events] == [
        *("curves.csv", "curves.png", "models/last.pt", "models/model.pt", "training.json"),
    ]
    assert len(events) == 2, "one of the trainer and one of the evaluator, both of the first process"
    assert len({name.split(".")[-2] for name in events}) == 1
    saved = torch.load(tmp_path / "two" / "models" / "model.pt", weights_only=True)
    start = torch.load(weights, weights_only=True)
    assert saved.keys() == start.keys(), "without the prefix of the wrapper"
    assert all(torch.equal(saved[name], start[name]) for name in start)
    record = json.loads((tmp_path / "two" / "training.json").read_text(encoding="utf-8"))
    assert record["network"] == NETWORKS[bundle.name]["_target_"].rsplit(".")[-1]
    assert sum(record["images"]["val"].values()) == (3 if bundle is TB_SEG else 5)


def test_two_processes_learn_resume_and_share_their_statistics(uneven: Path, tmp_path: Path) -> None:
    bundle = LUNG_SEG
    given = {**options(bundle, uneven, tmp_path / "run"), "learning_rate": 0.01, "num_epochs": 1}
    given["batch_size"] = 1
    given["network_def"] = {"_target_": "common.networks.ResidualUNet", "features": [4, 8, 8]}
    train_in_two_processes(bundle, tmp_path, given)
    first = torch.load(tmp_path / "run" / "models" / "last.pt", weights_only=True)
    train_in_two_processes(bundle, tmp_path, {**given, "num_epochs": 2}, "resume")
    last = torch.load(tmp_path / "run" / "models" / "last.pt", weights_only=True)
    assert last["trainer"]["epoch"] == 2
    assert [row["epoch"] for row in last["curves"]["rows"]] == [1, 2]
    assert not torch.equal(last["network"]["head.weight"], first["network"]["head.weight"])

    # The saved network, validated by one process, has the figure that the two found together. Each of them saw other
    # images last and would have other statistics of its own.
    workflow = bundle.workflow("train", "train", **{**given, "use_tensorboard": False})
    workflow.parser.get_parsed_content("network").load_state_dict(last["network"])
    evaluator = workflow.parser.get_parsed_content("validate#evaluator")
    evaluator.run()
    assert evaluator.state.metrics[bundle.metric] == pytest.approx(last["curves"]["rows"][-1][bundle.metric], abs=1e-6)
