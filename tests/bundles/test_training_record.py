"""Training: the record that a run can be repeated from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bundle_facts import Bundle, Outcome
from training_files import assert_equal, state

from common.settings import RULES

#: Ids that name places, or what becomes of an earlier run.
NOT_RECORDED = {"bundle_root", "dataset_dir", "output_dir", "ckpt_dir", "overwrite", "resume"}
FAST = {"use_tensorboard": False, "show_progress": False, "num_epochs": 2, "batch_size": 4}


@pytest.mark.parametrize("overlays", [[], ["cosine", "losses/focal_tversky"]])
def test_a_run_is_repeated_from_its_record(
    command: Callable[..., Outcome], phantoms: Path, tmp_path: Path, overlays: list[str]
) -> None:
    network = {"_target_": "common.networks.UNet", "features": [4, 8]}
    given: dict[str, Any] = {"image_size": [32, 32], "learning_rate": 0.01, "site_balance": 0, "flip_prob": 0.5}
    given |= {"network_def": network, "encoder_weights": "$None"}
    given |= {"optimizer#betas": [0.8, 0.9], "dataset_dir": phantoms, **FAST}
    first = command("train", *overlays, **given, output_dir=tmp_path / "first")
    assert (first.status, first.err.count("error:")) == (0, 0), first.err
    content = json.loads((tmp_path / "first" / "training.json").read_text(encoding="utf-8"))
    assert content["config"]["network_def"] == network
    assert content["config"]["optimizer"]["betas"] == [0.8, 0.9]
    assert content["config"]["loss"]["_target_"].endswith("TverskyLoss" if overlays else "DiceCELoss")
    assert str(tmp_path) not in json.dumps(content)
    assert str(phantoms) not in json.dumps(content)

    overlay = tmp_path / "repeat.json"
    overlay.write_text(json.dumps(content["config"]), encoding="utf-8")
    again = command("train", str(overlay), dataset_dir=phantoms, output_dir=tmp_path / "again")
    assert (again.status, again.err.count("error:")) == (0, 0), again.err
    for name in ("network", "optimizer"):
        assert_equal(state(tmp_path / "again")[name], state(tmp_path / "first")[name])
    repeated = json.loads((tmp_path / "again" / "training.json").read_text(encoding="utf-8"))
    assert repeated["config"] == content["config"]


def test_every_knob_of_training_is_recorded_and_has_a_rule(bundle: Bundle) -> None:
    content = bundle.load("train")
    plain = (str, int, float, bool, type(None))
    knobs = {
        name
        for name, value in content.items()
        if (isinstance(value, plain) or (isinstance(value, list) and all(isinstance(item, plain) for item in value)))
        and not any(str(item).startswith(("$", "@")) for item in (value if isinstance(value, list) else [value]))
    }
    assert len(knobs) > 30
    # A knob whose default is built from others is no plain value, and is recorded all the same.
    assert knobs - NOT_RECORDED <= set(content["settings"]) <= set(content) - NOT_RECORDED
    assert all(value == f"@{name}" for name, value in content["settings"].items())
    assert knobs - {"bundle_root"} - set(RULES) == set()


def test_every_switch_and_number_of_the_overlays_has_a_rule(bundle: Bundle) -> None:
    for file in bundle.configs.rglob("*.yaml"):
        content = bundle.load(str(file.relative_to(bundle.configs).with_suffix("")))
        check = content.get("check")
        checked = {*content.get("+settings", {}), *(check if isinstance(check, dict) else ())}
        checked |= {name.removeprefix("check#") for name in content if name.startswith("check#")}
        given = {name for name in checked if isinstance(content.get(name), bool | int | float)}
        assert given <= set(RULES), file
        switches = {
            name for name, value in content.items() if isinstance(value, bool) and f"not @{name}" in str(content)
        }
        assert switches <= set(RULES), file


def test_every_knob_is_checked_before_anything_is_written(
    command: Callable[..., Outcome], phantoms: Path, tmp_path: Path
) -> None:
    options = {"dataset_dir": phantoms, "output_dir": tmp_path / "out"}
    for name, value in {"overwrite": "yes", "limit": 0, "warmup": 2, "val_splits": 3}.items():
        result = command("train", "cosine", **options, **{name: value})
        assert result.status == 1
        assert result.error.startswith(f"error: {name}: "), result.error
    assert not (tmp_path / "out").exists()
