"""Exported bundles are complete, keep the zoo's rules and compute what their sources compute."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import monai.bundle
import pandas as pd
import pytest
import torch
import yaml
from monai.bundle import verify_metadata
from shared_bundles import REPOSITORY, source

from common.data.phantom_dataset import write_phantom_dataset
from common.sharing import Exported, export, export_bundle, stage, verify_archive
from common.sharing.isolated import run_isolated
from common.sharing.names import SHARED_NAMES
from common.sharing.privacy import is_remark, scan
from common.sharing.rules import SCHEMA

Exports = Callable[..., Exported]
Folders = Callable[..., Path]


def texts(folder: Path) -> dict[str, str]:
    """Readable files of a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in (".pt", ".png", ".bin"):
            found[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8")
    return found


def with_names_of_source(content: Any, side: list[str]) -> Any:
    """A configuration with the names that the source has, of the package and of networks that lie elsewhere."""
    if isinstance(content, dict):
        return {key: with_names_of_source(value, side) for key, value in content.items()}
    if isinstance(content, list):
        return [with_names_of_source(value, side) for value in content]
    if not isinstance(content, str):
        return content
    for file in side:
        content = content.replace(f"models/networks/{file}", f"models/{file}")
    return content.replace("scripts.common.", "common.")


def test_it_keeps_the_rules_of_the_model_zoo(name: str, unpacked: Folders) -> None:
    folder = unpacked(name)
    assert folder.name == SHARED_NAMES[name]
    assert re.fullmatch(r"cxr_(lung|tb)_(segmentation|classification)", folder.name)
    for file in ("LICENSE", "configs/metadata.json", "configs/inference.yaml", "models/model.pt", "docs/README.md"):
        assert (folder / file).is_file(), file
    assert not list(folder.rglob("*.yml")), "MONAI Label reads .yaml and .json alone"
    metadata = json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["version"] in metadata["changelog"]
    assert all(re.fullmatch(r"[\d.]+", version) for version in metadata["required_packages_version"].values())
    assert not {"common", "cxr-tb-common", "scripts"} & set(metadata["required_packages_version"])
    verify_metadata(meta_file=str(folder / "configs" / "metadata.json"), filepath=str(SCHEMA))


def test_it_states_where_it_comes_from(name: str, unpacked: Folders) -> None:
    folder = unpacked(name)
    stated = json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8"))["provenance"]
    assert stated["form"] == "standalone"
    assert stated["source"]["bundle"] == name
    assert stated["source"]["package_version"] == "0.1.0"
    assert stated["source"]["commit"] is None or re.fullmatch(r"[0-9a-f]{40}", stated["source"]["commit"])
    assert "Montgomery" in stated["training_data"]
    assert "Apache" in stated["licences"]["code"]
    assert "non-commercial" in stated["licences"]["weights"]
    assert [weights["file"] for weights in stated["weights"]] == sorted(
        path.relative_to(folder).as_posix() for path in (folder / "models").rglob("*") if path.suffix in (".pt", ".bin")
    )


def test_its_configurations_say_what_those_of_the_source_say(name: str, unpacked: Folders) -> None:
    folder = unpacked(name)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.yaml"))
    assert files == sorted(path.relative_to(source(name)) for path in source(name).rglob("*.yaml"))
    first, own = ["$@guard()", "$@check()"], "$@check_inferer()"
    side = [path.name for path in (folder / "models" / "networks").glob("*.pt")]
    for file in files:
        before = yaml.safe_load((source(name) / file).read_text(encoding="utf-8"))
        after = with_names_of_source(yaml.safe_load((folder / file).read_text(encoding="utf-8")), side)
        # MONAI finds the code in the bundle from `run` on.
        added = [call for call in before.get("+initialize", []) if call == own]
        if "run" in before:
            assert after.pop("run") == [*first, *before.pop("run")]
        elif added:
            base = yaml.safe_load((source(name) / "configs" / "inference.yaml").read_text(encoding="utf-8"))
            assert after.pop("run") == [*first, own, *base["run"]]
        for start in ("initialize", "+initialize"):
            kept = [call for call in before.pop(start, []) if call not in (*first, own)]
            assert after.pop(start, []) == kept
        assert after == before, file
    comments = [line for line in (folder / "configs/train.yaml").read_text().splitlines() if " # " in line]
    assert len(comments) > 20


def test_its_code_is_what_the_configurations_need_of_the_package(name: str, unpacked: Folders) -> None:
    vendored = unpacked(name) / "scripts" / "common"
    files = sorted(path.relative_to(vendored) for path in vendored.rglob("*") if path.is_file())
    assert Path("io/reader.py") in files
    assert not [file for file in files if file.parts[0] in ("sharing", "fusion") or file.name == "__main__.py"]
    for file in files:
        copy, original = ((root / file).read_text(encoding="utf-8") for root in (vendored, REPOSITORY / "common"))
        if copy != original:
            first, second = (
                [ast.dump(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
                for text in (without_remarks(copy), without_remarks(original))
            )
            assert first == second, file


def without_remarks(text: str) -> str:
    """Source without comments and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(getattr(node, "body", None), list):
            node.body = [item for item in node.body if not is_remark(item)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def test_it_computes_what_the_source_computes_to_the_bit(name: str, unpacked: Folders, tmp_path: Path) -> None:
    reference = unpacked(name) / "docs" / "reference"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        monai.bundle.run(
            bundle_root=str(source(name)),
            config_file=str(source(name) / "configs" / "inference.yaml"),
            logging_file=False,
            dataset_dir=str(reference / "images"),
            output_dir=str(tmp_path / "out"),
            num_workers=0,
        )
    finally:
        torch.set_num_threads(threads)
    expected = sorted((reference / "expected").iterdir())
    assert "predictions.csv" in [path.name for path in expected]
    for path in expected:
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes(), path.name
    table = pd.read_csv(reference / "expected" / "predictions.csv")
    assert list(table["status"]) == ["ok", "ok"]


def test_it_is_accepted_and_repeats_its_reference_prediction(name: str, exported: Exports) -> None:
    found = verify_archive(exported(name).archive)
    assert found.name == SHARED_NAMES[name]
    assert any("nothing unusual" in line for line in found.checks)
    assert found.checks[-1].endswith("to the bit")


def test_the_same_input_makes_the_same_bytes(
    name: str, unpacked: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Made before export is changed below.
    reference = unpacked(name) / "docs" / "reference"

    def copy_reference(folder: Path, wheel: Path | None) -> None:
        shutil.copytree(reference, folder / "docs" / "reference")

    def export_from(folder: Path, target: Path) -> bytes:
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(
            REPOSITORY / "common" if folder.name == "first" else first / "common", folder / "common", ignore=skip
        )
        shutil.copytree(source(name) if folder.name == "first" else first / name, folder / name, ignore=skip)
        monkeypatch.setattr(stage, "PACKAGE_DIR", folder / "common")
        export_bundle(folder / name, target)
        return target.read_bytes()

    # The prediction is repeated to the bit, as the test above shows; only the rest is made anew here.
    monkeypatch.setattr(export, "make_reference", copy_reference)
    first = tmp_path / "first"
    once = export_from(first, tmp_path / "once.zip")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    umask = os.umask(0o077)
    try:
        assert export_from(tmp_path / "second place", Path("again.zip")) == once
    finally:
        os.umask(umask)
    with zipfile.ZipFile("again.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        assert archive.namelist() == sorted(archive.namelist())


def test_nothing_in_it_names_a_patient_or_the_machine(name: str, unpacked: Folders) -> None:
    folder = unpacked(name)
    assert scan(folder) == []
    # The same by other means.
    names = re.compile(r"CHNCXR_\d|MCUCXR_\d|JPC[LN]N\d|(?<![\w.-])0\d{3}(?![\w.-])")
    for file, text in texts(folder).items():
        if not file.startswith("scripts/") and not file.endswith((".csv", ".json", ".sha256")):
            assert not names.search(text), file
        for place in (str(REPOSITORY), str(Path.home()) + "/", "/tmp/"):
            assert place not in text, (file, place)


@pytest.mark.data
def test_nothing_in_it_names_a_row_of_the_training_data(name: str, unpacked: Folders, cxr_data: Path) -> None:
    table = pd.read_csv(cxr_data / "index.csv", dtype=str)
    stems = {Path(image).stem for image in table["image"]}
    assert len(stems) > 1000
    words = {word for text in texts(unpacked(name)).values() for word in re.findall(r"[\w-]+", text)}
    assert stems & words == set()


def test_a_bundle_is_trained_and_evaluated_without_the_package(unpacked: Folders, tmp_path: Path) -> None:
    folder = unpacked("lung_seg")
    write_phantom_dataset(tmp_path / "data", 10, seed=1, size=(96, 96))
    configs = folder / "configs"
    small = ["--image_size", "[32, 32]", "--num_workers", 0, "--dataset_dir", tmp_path / "data"]
    trained = run_isolated(
        *("run", "--config_file", f"['{configs}/train.yaml','{configs}/networks/tiny_unet.yaml']"),
        *("--bundle_root", folder, *small, "--output_dir", tmp_path / "run", "--num_epochs", 1),
        *("--use_tensorboard", False, "--show_progress", False),
    )
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "run" / "models" / "model.pt").is_file()
    files = ",".join(f"'{configs}/{file}.yaml'" for file in ("inference", "evaluate", "networks/tiny_unet"))
    evaluated = run_isolated(
        *("run", "--config_file", f"[{files}]", "--bundle_root", folder, *small),
        *("--weights", tmp_path / "run" / "models" / "model.pt", "--output_dir", tmp_path / "masks"),
    )
    assert evaluated.returncode == 0, evaluated.stderr
    assert (tmp_path / "masks" / "evaluation" / "summary.md").is_file()


def test_a_wrong_option_is_still_one_line(unpacked: Folders) -> None:
    folder = unpacked("lung_seg")
    done = run_isolated(
        *("run", "--config_file", folder / "configs" / "inference.yaml", "--bundle_root", folder, "--tresh", 0.2)
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert "unknown option --tresh" in lines[0]
    assert "Traceback" not in done.stderr
