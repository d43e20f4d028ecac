"""Predictions of somebody else's bundle, collected by the overlay of docs/evaluation.md and evaluated."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
import torch.distributed as dist
import yaml
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged
from PIL import Image

from common.errors import UsageError
from common.evaluation.report import ReportOptions, build_report, read_models
from common.handlers.collect_predictions import CollectPredictions, describe_probability

DOCUMENT = Path(__file__).parents[2] / "docs/evaluation.md"

#: As bundles of the model zoo are written: MONAI's transforms, evaluator and sampler, and nothing of ours.
EVALUATE = """
imports: [$import glob, $import torch, $import torch.distributed as dist]
bundle_root: .
dataset_dir: .
output_dir: .
several: $dist.is_initialized()
network_def: {_target_: torch.nn.Identity}
validate:
  dataset:
    _target_: Dataset
    data: "$[{'image': name} for name in sorted(glob.glob(@dataset_dir + '/images/*.png'))]"
    transform:
      _target_: Compose
      transforms:
      - {_target_: LoadImaged, keys: image}
      - {_target_: EnsureChannelFirstd, keys: image}
      - {_target_: ScaleIntensityRanged, keys: image, a_min: 0, a_max: 255, b_min: 0, b_max: 1}
  sampler: {_target_: DistributedSampler, _disabled_: $not @several, dataset: '@validate#dataset', even_divisible: true}
  dataloader: {_target_: DataLoader, dataset: '@validate#dataset', batch_size: 1, sampler: '@validate#sampler'}
  postprocessing:
    _target_: Compose
    transforms:
    - {_target_: AsDiscreted, keys: pred, threshold: 0.5}
  handlers:
  - {_target_: StatsHandler, output_transform: '$lambda x: None'}
  evaluator:
    _target_: SupervisedEvaluator
    device: $torch.device('cpu')
    val_data_loader: '@validate#dataloader'
    network: '@network_def'
    postprocessing: '@validate#postprocessing'
    val_handlers: '@validate#handlers'
run: [$@validate#evaluator.run()]
"""


def overlay() -> str:
    """The YAML block of the document that names the handler."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = (block for block in blocks if "CollectPredictions" in block)
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Five pictures of 8 to 12 columns, their bright part and an index that knows it."""
    folder = tmp_path / "data"
    rows = []
    for number in range(5):
        pixels = np.full((6, 8 + number), 20, dtype=np.uint8)
        pixels[1:4, 2 : 4 + number] = 230
        truth = (pixels > 128) & (np.arange(8 + number) > 2)
        for name, values in (("images", pixels), ("masks", truth.astype(np.uint8) * 255)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(folder / name / f"{number}.png")
        rows.append({"dataset": "north", "image": f"images/{number}.png", "lung_mask": f"masks/{number}.png"})
    pd.DataFrame(rows).to_csv(folder / "index.csv", index=False)
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with weights, and the overlay."""
    folder = tmp_path / "their_bundle"
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "models/model.pt").write_bytes(b"weights")
    (folder / "configs/metadata.json").write_text('{"version": "3.1"}')
    (folder / "configs/evaluate.yaml").write_text(EVALUATE)
    (folder / "configs/collect.yaml").write_text(overlay())
    return folder


def evaluate(bundle: Path, data: Path, output: Path) -> None:
    """What ``python -m monai.bundle run`` does with both files."""
    parser = ConfigParser()
    parser.read_config([str(bundle / "configs" / name) for name in ("evaluate.yaml", "collect.yaml")])
    parser.update({"bundle_root": str(bundle), "dataset_dir": str(data), "output_dir": str(output)})
    parser.get_parsed_content("run")


def _rank(rank: int, store: Path, *folders: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=store.as_uri(), rank=rank, world_size=2)
    evaluate(*folders)
    dist.destroy_process_group()


def files(folder: Path) -> dict[str, bytes]:
    """Content of all files but the account, which tells seconds."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "run.json"
    }


def test_the_overlay_is_short() -> None:
    lines = [line for line in overlay().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) <= 10
    assert isinstance(yaml.safe_load(overlay()), dict)


def test_two_processes_give_what_one_gives(bundle: Path, data: Path, tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    evaluate(bundle, data, alone)
    # Processes of their own start from this one, where everything is imported already.
    context = torch.multiprocessing.get_context("fork")
    ranks = [context.Process(target=_rank, args=(r, tmp_path / "store", bundle, data, together)) for r in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(120)
        assert rank.exitcode == 0
    assert files(together) == files(alone)
    table = pd.read_csv(alone / "predictions.csv", dtype=str, keep_default_na=False)
    assert table["image"].tolist() == [f"images/{number}.png" for number in range(5)]
    assert table.loc[1, "shape"] == "9x6"
    assert len(list(alone.rglob("*_lungs.png"))) == 5


def test_what_was_collected_is_evaluated(bundle: Path, data: Path, tmp_path: Path) -> None:
    evaluate(bundle, data, tmp_path / "out")
    models = read_models([tmp_path / "out"])
    assert [model.name for model in models] == ["their_bundle 3.1"]
    assert models[0].about()["weights_sha256"]
    record = build_report(models, data, ReportOptions(repeats=20, subgroups=(), pictures=False)).record
    # Columns 2 to 3 + n are predicted and 3 to 3 + n true, in three rows.
    dice = np.mean([2 * 3 * (n + 1) / (3 * (n + 1) + 3 * (n + 2)) for n in range(5)])
    assert record["verdict"][0]["estimate"] == pytest.approx(dice)
    assert record["quality"] == [] or all(row["severity"] == "note" for row in record["quality"])


def _evaluator(items: list[dict[str, str]], handler: CollectPredictions, **options: Any) -> SupervisedEvaluator:
    load = Compose([LoadImaged("image"), EnsureChannelFirstd("image")])
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(items, load), batch_size=1),
        network=torch.nn.Identity(),
        **options,
    )
    handler.attach(evaluator)
    return evaluator


def _volume(item: Mapping[str, Any]) -> dict[str, Any]:
    if item["pred"].max() > 1:
        raise ValueError("more than one class")
    return {"millilitres": float(item["pred"].sum()) * 6 / 1000}


def test_volumes_and_one_odd_image(tmp_path: Path) -> None:
    """The spleen in a volume of 1 x 2 x 3 mm, and a mask of two classes."""
    items = []
    for name, value in (("a", 1), ("b", 2)):
        voxels = np.zeros((8, 9, 5), dtype=np.float32)
        voxels[2:4, 2:4, 2:4] = value
        nib.save(nib.Nifti1Image(voxels, np.diag([-1.0, 2, 3, 1])), tmp_path / f"{name}.nii.gz")
        items.append({"image": str(tmp_path / f"{name}.nii.gz")})
    _evaluator(items, CollectPredictions(tmp_path / "out", tmp_path, _volume)).run()
    table = pd.read_csv(tmp_path / "out/predictions.csv", dtype=str, keep_default_na=False)
    good, bad = table.to_dict("records")
    assert (good["shape"], good["spacing"], good["millilitres"]) == ("8x9x5", "1x2x3", "0.048")
    assert (bad["status"], bad["reason"]) == ("failed", "ValueError: more than one class")


def test_what_cannot_be_collected_is_said(data: Path, tmp_path: Path) -> None:
    items = [{"image": str(data / "images/0.png")}]
    elsewhere = _evaluator(items, CollectPredictions(tmp_path / "out", tmp_path / "other"))
    with pytest.raises(UsageError, match=r"0\.png: does not lie in the dataset_dir"):
        elsewhere.run()
    whole = _evaluator(items, CollectPredictions(tmp_path / "out", data), decollate=False)
    with pytest.raises(UsageError, match="set its decollate to true"):
        whole.run()


def test_an_earlier_table_is_gone_when_a_run_begins(data: Path, tmp_path: Path) -> None:
    evaluator = _evaluator([{"image": str(data / "images/0.png")}], CollectPredictions(tmp_path / "out", data))
    evaluator.run()
    shutil.copytree(tmp_path / "out", tmp_path / "kept")

    def stop(engine: Engine) -> None:
        raise KeyboardInterrupt

    evaluator.add_event_handler(Events.ITERATION_STARTED, stop)
    with pytest.raises(KeyboardInterrupt):
        evaluator.run()
    assert '"complete": false' in (tmp_path / "out/run.json").read_text()
    assert (tmp_path / "out/predictions.csv").read_text() == "image,status,reason,flags\n"


def test_probabilities_become_the_columns_of_a_classifier() -> None:
    found = describe_probability({"pred": torch.tensor([0.3, 0.7])}, threshold=0.8)
    assert found == {
        "tb_score": pytest.approx(0.7),
        "tb_probability": pytest.approx(0.7),
        "tb": 0,
        "flags": ["uncalibrated"],
    }
    with pytest.raises(ValueError, match=r"1\.5 is no probability; a softmax or sigmoid"):
        describe_probability({"pred": torch.tensor([1.5])})
