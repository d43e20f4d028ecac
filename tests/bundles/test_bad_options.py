"""What is wrong with the options of a run stops it with one line, before it writes anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bundle_facts import Bundle, Outcome
from two_lungs import BRIGHT


def test_missing_and_foreign_weights_are_one_line(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    result = infer_command(weights=tmp_path / "absent.pt")
    assert result.status == 1
    assert result.error.startswith(f"error: {tmp_path}/absent.pt: no weights there. Train them with ")
    torch.save({"head.weight": torch.zeros(1)}, tmp_path / "foreign.pt")
    result = infer_command(weights=tmp_path / "foreign.pt")
    assert result.status == 1
    assert result.error == (
        f"error: {tmp_path}/foreign.pt: weights of another network than Conv2d: 2 tensors missing (first: bias), "
        "1 unknown tensors (first: head.weight)"
    )
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"treshold": 0.3}, "unknown option --treshold: no such id in .*; did you mean --threshold?"),
        ({"clean_up": "false"}, "write True or False: "),
        ({"clean_up": "no"}, "clean_up: True or False is needed, got 'no'"),
        ({"write_overlays": "yes"}, "write_overlays: True or False is needed, got 'yes'"),
        ({"threshold": 1.5}, "threshold: a number between 0 and 1 is needed, got 1.5"),
        ({"mask_format": ".bmp"}, r"mask_format: one of .png, .nii, .nii.gz, .seg.dcm is needed, got '.bmp'"),
        ({"percentiles": "[99, 1]"}, r"percentiles: two rising numbers .* got \[99, 1\]"),
        ({"image_size": "[96, -160]"}, r"image_size: two whole numbers above 0 .* got \[96, -160\]"),
        ({"image_size": 256}, r"image_size: two whole numbers above 0 .* got 256"),
        ({"batch_size": 0}, "batch_size: a whole number above 0 is needed, got 0"),
        ({"dataloader#batch_size": 0}, ".*DataLoader.*batch_size should be a positive integer value"),
        ({"weights": "@wights"}, "the referring item `@wights` is not defined in the config content"),
        ({"weights": "$1 / 0"}, "ZeroDivisionError: division by zero"),
    ],
)
def test_an_unknown_option_or_a_wrong_value_is_one_line(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    result = infer_command(**options)
    assert result.status == 1
    assert re.match(f"error: {message}", result.error), result.error
    assert "Traceback" not in result.err
    assert not list((tmp_path / "out").glob("*_lungs*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_sites": "['phantom_west']"}, "unknown site phantom_west; the index has phantom_east, phantom_north"),
        ({"train_splits": "['trian']"}, "no row with seg_split in trian; the chosen sites have test, train, val"),
        ({"split_column": "my_split"}, "no split column my_split; the index has "),
        ({"early_stop_patience": 0}, "early_stop_patience: a whole number above 0, or null, is needed, got 0"),
        ({"site_balance": 2}, "site_balance: a number from 0 to 1 is needed, got 2"),
        ({"initial_weights": "nowhere.pt"}, "nowhere.pt: no weights there"),
        ({"encoder_weights": "nowhere.pt"}, "TinyUNet has no encoder that weights could be loaded into"),
        ({"resume": True}, ".*last.pt: no checkpoint to resume from"),
        ({"image_size": "[100, 100]"}, r"image_size: two whole .* multiples of 32 are needed, .* got \[100, 100\]"),
        ({"amp": "yes"}, "amp: True or False is needed, got 'yes'"),
        ({"limit": 0}, "limit: a whole number above 0, or null, is needed, got 0"),
        ({"learning_rate": "fast"}, "learning_rate: a number from 0 on is needed, got 'fast'"),
        ({"dataset_dir": "/nowhere"}, "/nowhere: no such folder"),
    ],
)
def test_a_wrong_value_for_training_is_one_line(
    command: Callable[..., Outcome], lung_seg: Bundle, phantoms: Path, options: dict[str, Any], message: str
) -> None:
    small = {"image_size": [32, 32], "use_tensorboard": False, "num_epochs": 1, "dataset_dir": phantoms}
    result = command("train", lung_seg.small_network, **{**small, **options})
    assert result.status == 1
    assert re.match(f"error: {message}", result.error), result.error
    assert "Traceback" not in result.err


def test_a_traceback_is_there_for_who_asks(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_TRACEBACK", "1")
    result = infer_command(weights=tmp_path / "absent.pt")
    assert result.status == 1
    assert "Traceback" in result.err
    assert "WeightsError" in result.err


def test_the_command_line_takes_a_network_as_text(
    infer_command: Callable[..., Outcome], folder: Path, tmp_path: Path
) -> None:
    result = infer_command(network_def=str(BRIGHT))
    assert (result.status, result.err.count("error:")) == (0, 0)
    assert "1 done, 0 refused, 0 failed" in result.out
    assert (tmp_path / "out" / "good_lungs.png").is_file()
