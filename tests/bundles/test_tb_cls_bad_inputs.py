"""What can be wrong with a classification or localisation run of tb_cls costs one line each."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from bundle_facts import TB_CLS, Outcome, command_line
from PIL import Image

from common.data.phantom_dataset import write_phantom_dataset
from common.data.phantom_files import write_picture
from common.networks import EfficientNetLite, FrozenClassifier

LOCALIZE = ("inference", "localize")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of four phantoms, two of them with tuberculosis, all of the list ``train``."""
    folder = tmp_path_factory.mktemp("films")
    write_phantom_dataset(folder, 4, seed=3, size=(160, 160))
    table = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False)
    table.assign(cls_split="train").to_csv(folder / "index.csv", index=False)
    return folder


@pytest.fixture
def changed(films: Path, tmp_path: Path) -> Callable[..., Path]:
    """Function that copies the data folder with a change to its index."""

    def change(edit: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(films, folder)
        table = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False)
        edit(table).to_csv(folder / "index.csv", index=False)
        return folder

    return change


@pytest.fixture
def command(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Function that runs a command line on configurations of tb_cls."""

    def run(*names: str, **options: Any) -> Outcome:
        given = {
            "bundle_root": TB_CLS.root,
            "config_file": str(TB_CLS.files(*names)),
            "dataset_dir": films,
            "output_dir": tmp_path / "out",
            "num_workers": 0,
            "image_size": [64, 64],
            **options,
        }
        return command_line(
            capsys, "run", *(text for name, value in given.items() for text in (f"--{name}", str(value)))
        )

    return run


@pytest.fixture
def without_lungs(tmp_path: Path) -> Path:
    """A folder with one picture on which there are no lungs: even grey, and a bright disc in a corner."""
    x, y = np.mgrid[:200, :200]
    picture = np.where((x - 170) ** 2 + (y - 30) ** 2 < 300, 220, 40 + (x + y) % 3).astype(np.uint8)
    write_picture(tmp_path / "in" / "none.png", picture)
    return tmp_path / "in"


@pytest.mark.parametrize("overlays", [("inference",), LOCALIZE])
def test_a_radiograph_without_lungs_is_taken_whole_and_flagged(
    command: Callable[..., Outcome], without_lungs: Path, tmp_path: Path, overlays: tuple[str, ...]
) -> None:
    assert command(*overlays, dataset_dir=without_lungs).status == 0
    row = pd.read_csv(tmp_path / "out" / "predictions.csv").iloc[0]
    assert (row["status"], row["flags"]) == ("ok", "no_lungs")
    whole = command(*overlays, dataset_dir=without_lungs, output_dir=tmp_path / "whole", lung_crop=False)
    assert whole.status == 0
    uncropped = pd.read_csv(tmp_path / "whole" / "predictions.csv").iloc[0]
    assert row["tb_score"] == uncropped["tb_score"]
    if overlays == LOCALIZE:
        # No lungs that regions could lie in: none is dropped.
        assert json.loads(row["regions"]) == json.loads(uncropped["regions"]) != []
        with Image.open(tmp_path / "out" / "none_evidence.png") as evidence:
            assert evidence.size == (200, 200)


def test_a_training_list_of_one_class_is_one_line(
    command: Callable[..., Outcome], changed: Callable[..., Path]
) -> None:
    folder = changed(lambda table: table.assign(tb="0", cls_split=["train", "train", "val", "val"]))
    result = command("train", dataset_dir=folder, encoder_weights="$None", use_tensorboard=False)
    assert result.status == 1
    assert result.error == (
        f"error: {folder / 'index.csv'}: all 2 selected images have tb = 0; both classes are needed"
    )
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (("train",), {"encoder_weights": "$None"}),
        (("inference", "evaluate"), {"splits": ["train"]}),
        ((*LOCALIZE, "evaluate_localization"), {"splits": ["train"], "split_column": "cls_split"}),
    ],
    ids=["train", "evaluate", "evaluate_localization"],
)
def test_an_index_without_the_class_is_one_line(
    command: Callable[..., Outcome], changed: Callable[..., Path], names: tuple[str, ...], options: dict[str, Any]
) -> None:
    folder = changed(lambda table: table.drop(columns="tb"))
    result = command(*names, dataset_dir=folder, **options)
    assert result.status == 1
    assert result.error.startswith(f"error: {folder / 'index.csv'}: column tb is missing; found dataset, image, ")
    assert "Traceback" not in result.err


@pytest.mark.parametrize("names", [("train",), ("train", "pretrain"), ("inference", "evaluate")])
def test_unknown_class_names_are_one_line(command: Callable[..., Outcome], names: tuple[str, ...]) -> None:
    options = {} if "evaluate" in names else {"encoder_weights": "$None", "use_tensorboard": False}
    result = command(*names, labels="['tuberculosis']", **options)
    assert result.status == 1
    assert re.match(r"error: .*index\.csv: column tuberculosis is missing; found dataset, image, .*tb", result.error)
    assert "Traceback" not in result.err


def test_an_operating_point_of_another_model_is_one_line(command: Callable[..., Outcome], tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(EfficientNetLite().state_dict(), tmp_path / "mine.pt")
    result = command("inference", weights=tmp_path / "mine.pt")
    assert result.status == 1
    assert re.match(r"error: .*operating_point\.json: made for other weights \(SHA-256 ", result.error)
    assert "python -m common.evaluation operating-point" in result.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"layer": "_blocks.99"},
            r"no layer '_blocks.99' in EfficientNetLite \(did you mean '_blocks.9'\?\); its layers: .*_blocks.*_conv_",
        ),
        ({"layer": "_blocks.9", "method": "crm"}, "crm looks at no layer; grad_cam, "),
        ({"method": "gradcam"}, "evidence method 'gradcam': choose one of cam, crm, "),
        ({"region_rule": "half"}, "threshold rule 'half': choose one of fraction, "),
        ({"region_value": "$None"}, "threshold rule 'fraction' needs a value from 0 to 1, got None"),
    ],
)
def test_what_no_map_can_be_made_of_is_one_line(
    command: Callable[..., Outcome], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    result = command(*LOCALIZE, **options)
    assert result.status == 1
    assert re.match(f"error: {message}", result.error), result.error
    assert "Traceback" not in result.err
    assert not list(tmp_path.glob("out/*_evidence.png"))


@pytest.mark.parametrize("switch", ["lungs_only", "write_overlays"])
def test_a_text_in_the_place_of_a_switch_is_one_line(
    command: Callable[..., Outcome], tmp_path: Path, switch: str
) -> None:
    result = command(*LOCALIZE, **{switch: "no"})
    assert result.status == 1
    assert result.error == f"error: {switch}: True or False is needed, got 'no'"
    assert not (tmp_path / "out").exists()


def test_localisation_of_a_network_that_cannot_give_it_is_one_line(
    command: Callable[..., Outcome], without_lungs: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    torch.save(FrozenClassifier(EfficientNetLite()).state_dict(), tmp_path / "frozen.pt")
    backbone = {"_target_": "common.networks.EfficientNetLite"}
    options = {
        "network_def": {"_target_": "common.networks.FrozenClassifier", "backbone": backbone},
        "weights": tmp_path / "frozen.pt",
        "operating_point": "$None",
        "dataset_dir": without_lungs,
    }
    result = command(*LOCALIZE, method="crm", **options)
    assert result.status == 1
    assert re.match(
        "error: crm needs a head of global average pooling and one linear layer, which FrozenClassifier lacks; it can "
        "give grad_cam, ",
        result.error,
    )
    assert "Traceback" not in result.err
    assert command(*LOCALIZE, method="grad_cam", **options).status == 0


def test_a_runtime_that_gives_no_maps_is_one_line(command: Callable[..., Outcome], tmp_path: Path) -> None:
    result = command(*LOCALIZE, "inference_onnx")
    assert result.status == 1
    assert result.error.startswith("error: ONNXRuntimeInferer gives no evidence maps: ")
    assert "Traceback" not in result.err
    assert not (tmp_path / "out").exists()


def test_a_map_that_a_runtime_cannot_give_is_one_line(command: Callable[..., Outcome], tmp_path: Path) -> None:
    result = command(*LOCALIZE, "localize_openvino", method="saliency")
    assert result.status == 1
    assert re.match("error: saliency needs gradients of the convolutions, which OpenVINOInferer does not", result.error)
    assert "Traceback" not in result.err
    assert not (tmp_path / "out").exists()
