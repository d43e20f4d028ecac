"""What a job may say to a site, and what it may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import UsageError
from common.federated import SITE_VARIABLE, FederatedError, FederatedTask, Site
from common.federated.options import parse_settings


def test_a_task_is_read_as_it_was_written(tmp_path: Path, lung_task: FederatedTask) -> None:
    assert FederatedTask.read(lung_task.write(tmp_path)) == lung_task


def test_settings_and_overlays_reach_the_configuration(bundles: Path, lung_task: FederatedTask) -> None:
    config = lung_task.check(bundles / "lung_seg")
    assert config["network_def"]["_target_"] == "common.networks.TinyUNet"
    assert config["image_size"] == [32, 32]
    assert config["batch_size"] == 2


@pytest.mark.parametrize(
    "value", ["$__import__('os').system('id')", "@bundle_root", "%train", ["a", "$1"], {"_target_": "os.system"}]
)
def test_expressions_are_refused(value: object) -> None:
    with pytest.raises(FederatedError, match="no expressions"):
        FederatedTask(bundle="lung_seg", settings={"split_column": value})


@pytest.mark.parametrize(
    "overlay", ["../x.yaml", "/etc/x.yaml", "configs/../../x.yaml", "configs/resume.yaml", "scripts/x.py"]
)
def test_only_files_of_the_sites_own_bundle_are_overlays(overlay: str) -> None:
    with pytest.raises(FederatedError, match="network, loss or augmentation of the bundle"):
        FederatedTask(bundle="lung_seg", overlays=(overlay,))


@pytest.mark.parametrize("bundle", ["../lung_seg", "/x", "", "a b"])
def test_a_bundle_is_a_name_and_no_path(bundle: str) -> None:
    with pytest.raises(FederatedError, match="bundle: a folder name"):
        FederatedTask(bundle=bundle)


@pytest.mark.parametrize(
    "knob", ["dataset_dir", "network_def", "initial_weights", "train_sites", "output_dir", "imports"]
)
def test_what_is_the_sites_own_cannot_be_set(bundles: Path, knob: str) -> None:
    with pytest.raises(FederatedError, match=f"{knob}: no knob that a federation sets"):
        FederatedTask(bundle="lung_seg", settings={knob: "x"}).check(bundles / "lung_seg")


def test_wrong_values_are_refused_as_in_a_bundle(bundles: Path) -> None:
    with pytest.raises(UsageError, match="learning_rate"):
        FederatedTask(bundle="lung_seg", settings={"learning_rate": -1}).check(bundles / "lung_seg")


@pytest.mark.parametrize("option", ["local_epochs", "epoch_steps"])
@pytest.mark.parametrize("number", [0, -1, True, 1.5])
def test_epochs_and_their_steps_are_counted(option: str, number: object) -> None:
    with pytest.raises(FederatedError, match=f"{option}: a whole number above 0"):
        FederatedTask(bundle="lung_seg", **{option: number})  # type: ignore[arg-type]


def test_a_missing_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(FederatedError, match=r"lung_seg/configs/train.yaml: not found"):
        FederatedTask(bundle="lung_seg").check(tmp_path / "lung_seg")


def test_a_damaged_task_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "federated_task.json"
    for text in ("", "[]", '{"bundle": "x"}', '{"bundle": "x", "overlays": [], "more": 1}'):
        file.write_text(text)
        with pytest.raises(FederatedError, match=r"federated_task.json: not a federated task"):
            FederatedTask.read(file)


def test_a_site_reads_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SITE_VARIABLE, str(tmp_path / "{site}.json"))
    content = {"bundles": "bundles", "dataset_dir": "/data", "output_dir": "out"}
    (tmp_path / "north.json").write_text(json.dumps(content))
    assert Site.read("north") == Site(str(tmp_path / "bundles"), "/data", str(tmp_path / "out"), ())


def test_a_site_without_its_file_says_what_belongs_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SITE_VARIABLE, raising=False)
    with pytest.raises(FederatedError, match=r"CXR_SITE_FILE is not set.*dataset_dir"):
        Site.read("north")
    monkeypatch.setenv(SITE_VARIABLE, str(tmp_path / "{site}.json"))
    with pytest.raises(FederatedError, match=r"north.json: No such file"):
        Site.read("north")
    (tmp_path / "north.json").write_text('{"data": 1}')
    with pytest.raises(FederatedError, match=r"north.json: not a site's file"):
        Site.read("north")


def test_settings_of_the_command_line_are_values() -> None:
    found = parse_settings(["image_size=[128,128]", "learning_rate=1e-4", "split_column=seg_split", "amp=False"])
    assert found == {"image_size": [128, 128], "learning_rate": 1e-4, "split_column": "seg_split", "amp": False}
    with pytest.raises(FederatedError, match="KNOB=VALUE"):
        parse_settings(["amp"])
