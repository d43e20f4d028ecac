"""What can be wrong with boxes, weak masks, pseudo masks and weights of tb_seg costs one line each."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bundle_facts import TB_SEG, Outcome, command_line

from common.data.phantom_dataset import write_phantom_dataset

Edit = Callable[[pd.DataFrame], pd.DataFrame]
TRAIN = ("train", "networks/efficientnet_lite0_unet")
BOX = '[{"label": "TB", "xywh": [20, 30, 30, 10]}]'


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six phantoms, three with TB: one with boxes to train on, one to validate on, one without boxes."""
    folder = tmp_path_factory.mktemp("films")
    write_phantom_dataset(folder, 6, seed=1, size=(112, 96))
    table = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False).sort_values("tb", ascending=False)
    table["boxes"] = [BOX, BOX, "", "", "", ""]
    table["tb"] = ["1", "1", "1", "0", "0", "0"]
    table["det_split"] = ["train", "val", "", "", "", ""]
    table["cls_split"] = "train"
    table.to_csv(folder / "index.csv", index=False)
    return folder


@pytest.fixture
def changed(films: Path, tmp_path: Path) -> Callable[..., Path]:
    """Function that copies the data folder with other values in rows of the index."""

    def change(row: int | slice, **values: str) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(films, folder)
        table = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False)
        for name, value in values.items():
            table.loc[row, name] = value
        table.to_csv(folder / "index.csv", index=False)
        return folder

    return change


@pytest.fixture
def command(films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Function that runs a command line on configurations of tb_seg."""

    def run(*names: str, **options: Any) -> Outcome:
        training = {"num_epochs": 1, "steps_per_epoch": 1, "batch_size": 2, "encoder_weights": "$None"}
        quiet = {"use_tensorboard": False, "show_progress": False}
        given = {
            "bundle_root": TB_SEG.root,
            "config_file": str(TB_SEG.files(*names)),
            "dataset_dir": films,
            "output_dir": tmp_path / "out",
            "num_workers": 0,
            "image_size": [64, 64],
            "lung_crop": False,
            **(training | quiet if names[0] == "train" else {}),
            **options,
        }
        return command_line(
            capsys, "run", *(text for name, value in given.items() for text in (f"--{name}", str(value)))
        )

    return run


def one_line(outcome: Outcome, message: str) -> None:
    assert outcome.status == 1
    assert re.search(message, outcome.error), outcome.error
    assert "Traceback" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ('[{"label": "TB", "xywh": [90, 5, 30, 10]}]', r"index.csv: .*png: .*96 x 112"),
        ('[{"label": "TB", "xywh": [5, 5, -3, 10]}]', r"index.csv: .*png: "),
        ('[{"label": "TB", "xywh": [5, 5, NaN, 10]}]', r"index.csv: .*png: "),
        ('[{"label": "TB", "box": [5, 5, 3, 10]}]', r"index.csv: .*png: boxes cannot be read .* is needed$"),
        ("5 5 10 10", r"index.csv: .*png: boxes cannot be read .* is needed$"),
        ("[]", "none of the 1 selected rows has lesion boxes"),
        ("", "none of the 1 selected rows has lesion boxes"),
    ],
)
def test_boxes_that_cannot_be_trained_on(
    command: Callable[..., Outcome], changed: Callable[..., Path], boxes: str, message: str
) -> None:
    one_line(command(*TRAIN, dataset_dir=changed(0, boxes=boxes)), message)


def test_a_label_that_is_none_of_the_classes(command: Callable[..., Outcome]) -> None:
    one_line(command(*TRAIN, box_classes="['latent']"), "box label TB is none of the classes latent")


def test_no_normal_film(command: Callable[..., Outcome], changed: Callable[..., Path], films: Path) -> None:
    one_line(command(*TRAIN, dataset_dir=changed(slice(3, 5), tb="1")), "0 of the selected rows have tb = 0")


def test_boxes_in_another_system_are_left_out_of_an_evaluation_and_listed(
    command: Callable[..., Outcome], changed: Callable[..., Path], tmp_path: Path
) -> None:
    data = changed(0, boxes='[{"label": "TB", "xywh": [900, 5, 300, 100]}]')
    outcome = command("inference", "evaluate", dataset_dir=data, splits="['train','val']", num_cases=0)
    assert "Traceback" not in outcome.out + outcome.err
    table = pd.read_csv(tmp_path / "out" / "evaluation" / "per_image.csv", keep_default_na=False)
    assert sorted(table["status"]) == ["failed", "ok"]
    assert "96 x 112" in table.set_index("status").loc["failed", "reason"]


@pytest.fixture
def weak(films: Path, tmp_path: Path) -> Callable[..., Path]:
    """Function that writes what tb_cls would have found on every film: the box and the probability."""

    def write(boxes: str = BOX, probability: str = "0.9", prefix: str = "", drop: str = "") -> Path:
        names = pd.read_csv(films / "index.csv", dtype=str, keep_default_na=False)["image"]
        table = pd.DataFrame({"image": prefix + names, "boxes": boxes, "tb_probability": probability})
        (tmp_path / "weak").mkdir()
        table.drop(columns=[drop] if drop else []).to_csv(tmp_path / "weak" / "index.csv", index=False)
        return tmp_path / "weak"

    return write


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"prefix": "elsewhere/"}, "weak/index.csv: weak masks of other images: names elsewhere/.*, .* names phantom_"),
        ({"boxes": "[]"}, "no weak masks found; of 6 images were left out: .*1 on which nothing was found"),
        ({"probability": "0.1"}, "no weak masks found; .*1 with a probability below 0.5"),
        ({"probability": "high"}, "png: tb_probability must be a number, found 'high'"),
        ({"drop": "tb_probability"}, "column tb_probability is missing; found image, boxes$"),
        ({"boxes": '[{"label": "TB", "xywh": [900, 5, 300, 100]}]'}, "weak/index.csv: .*png: .*96 x 112"),
    ],
)
def test_weak_masks_that_do_not_do(
    command: Callable[..., Outcome], weak: Callable[..., Path], found: dict[str, str], message: str
) -> None:
    one_line(command(*TRAIN, "train_augmented", weak_dir=weak(**found)), message)


@pytest.mark.parametrize(
    ("overlay", "options", "message"),
    [
        ("train_augmented", {}, "weak_dir: the output folder of a run of the bundle tb_cls with localize.yaml is"),
        ("train_augmented", {"weak_dir": "/nowhere"}, "/nowhere: no such folder"),
        ("train_augmented", {"weak_weight": 0}, "weight of weak masks: a number above 0 is needed, got 0"),
        ("train_augmented", {"weak_share": 0.8, "normal_share": 0.3}, "shares must be at least 0 and at most 1 in all"),
        ("train_pseudo", {}, "mask_dir: the folder masks of a run of pseudo_labels.yaml is needed"),
        ("train_pseudo", {"mask_dir": "/nowhere"}, "/nowhere/stage.json: not found; mask_dir is the folder masks of"),
    ],
)
def test_overlays_without_what_they_add(
    command: Callable[..., Outcome], weak: Callable[..., Path], overlay: str, options: dict[str, Any], message: str
) -> None:
    given = {"weak_dir": weak()} if "weak_share" in options or "weak_weight" in options else {}
    one_line(command(*TRAIN, overlay, **{**given, **options}), message)


def test_weak_masks_that_do(command: Callable[..., Outcome], weak: Callable[..., Path], tmp_path: Path) -> None:
    assert command(*TRAIN, "train_augmented", weak_dir=weak(), batch_size=4).status == 0
    record = json.loads((tmp_path / "out" / "training.json").read_text(encoding="utf-8"))
    assert record["config"]["weak_share"] == 0.25
    # Once more into the same folder.
    one_line(command(*TRAIN), "last.pt: belongs to an earlier run; add configs/resume.yaml")


def test_lung_weights_that_are_not_there_stop_a_run(command: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = command("inference", lung_crop=True, lung_weights=tmp_path / "lungs.pt")
    one_line(outcome, r"lungs.pt: no weights there")
    assert not list(tmp_path.glob("out/**/*_tb.png"))


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (["irnet"], "seeds/stage.json: stage seeds is missing, and irnet needs it"),
        (["walk"], "one of seeds, crf, irnet, masks is needed, got walk"),
    ],
)
def test_stages_that_are_missing(command: Callable[..., Outcome], stages: list[str], message: str) -> None:
    one_line(command("pseudo_labels", stages=stages), message)
