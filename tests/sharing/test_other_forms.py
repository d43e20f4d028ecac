"""Configurations and weights with the code in a wheel; the layout of the Hugging Face Hub; MONAI's own exports."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from monai.bundle import ConfigParser, ckpt_export, onnx_export, verify_net_in_out
from shared_bundles import REPOSITORY, pack, source

from common.sharing import Exported, SharingError, export, hub, prepare_hub, verify, verify_archive
from common.sharing.__main__ import main
from common.sharing.archive import write_archive
from common.sharing.isolated import run_isolated
from common.sharing.manifest import check_manifest
from common.sharing.names import SHARED_NAMES
from common.sharing.privacy import machine_words
from common.sharing.wheel import write_wheel

Folders = Callable[..., Path]


@pytest.fixture
def no_run(name: str, monkeypatch: pytest.MonkeyPatch, unpacked: Folders) -> None:
    """Exports take their reference prediction from an earlier one."""

    reference = unpacked(name) / "docs" / "reference"

    def copy_reference(folder: Path, wheel: Path | None) -> None:
        shutil.copytree(reference, folder / "docs" / "reference")

    monkeypatch.setattr(export, "make_reference", copy_reference)


def test_the_form_without_code_runs_from_its_wheel(
    name: str, exported: Callable[..., Exported], unpacked: Folders
) -> None:
    done = exported(name, "weights")
    folder = unpacked(name, "weights")
    assert not list(folder.rglob("*.py"))
    assert sorted(path.name for path in folder.iterdir()) == [
        *("LICENSE", "MANIFEST.sha256", "configs", "docs", "models")
    ]
    moved = [path.name for path in (folder / "models" / "networks").glob("*.pt")]
    for path in folder.glob("configs/**/*.yaml"):
        text = (source(name) / path.relative_to(folder)).read_text(encoding="utf-8")
        for file in moved:
            text = text.replace(f"models/{file}", f"models/networks/{file}")
        assert path.read_text(encoding="utf-8") == text
    assert done.wheel is not None
    assert done.wheel.parent == done.archive.parent
    # It was run from the wheel when it was made; the results are those of the form with code.
    for path in (folder / "docs" / "reference" / "expected").iterdir():
        other = unpacked(name) / path.relative_to(folder)
        assert path.read_bytes() == other.read_bytes(), path.name
    without = run_isolated("run", "--config_file", folder / "configs/inference.yaml", "--bundle_root", folder)
    assert without.returncode != 0


def test_another_wheel_than_the_delivered_one_is_refused(exported: Callable[..., Exported], tmp_path: Path) -> None:
    done = exported("lung_seg", "weights")
    assert done.wheel is not None
    archive = Path(shutil.copy(done.archive, tmp_path))
    with pytest.raises(SharingError, match="needs this wheel beside the archive"):
        verify_archive(archive, run=False)
    wheel = Path(shutil.copy(done.wheel, tmp_path))
    assert verify_archive(archive, run=False).name == "cxr_lung_segmentation"
    wheel.write_bytes(wheel.read_bytes() + b" ")
    with pytest.raises(SharingError, match="another wheel than the one that was delivered"):
        verify_archive(archive, run=False)


def with_wheel(folder: Path, target: Path, change: Callable[[dict[str, bytes | Path]], object]) -> Path:
    """An archive of a bundle without code whose wheel holds something else, and is the one that the bundle names."""
    wheel = write_wheel(REPOSITORY / "common", target)
    with zipfile.ZipFile(wheel) as opened:
        content: dict[str, bytes | Path] = {name: opened.read(name) for name in opened.namelist()}
    change(content)
    write_archive(wheel, content)
    metadata = folder / "configs" / "metadata.json"
    stated = json.loads(metadata.read_text(encoding="utf-8"))
    stated["provenance"]["code"] = {"wheel": wheel.name, "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()}
    metadata.write_text(json.dumps(stated), encoding="utf-8")
    return pack(folder, target / "x.zip")


def test_a_wheel_is_looked_through_like_the_code_of_a_bundle(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last step of verify runs what lies in the wheel."""
    shutil.rmtree(small / "scripts")
    archive = with_wheel(small, tmp_path, lambda content: None)
    assert verify_archive(archive, run=False).checks[-1] == "nothing unusual in configurations and code"
    assert main(["inspect", str(archive), "--marked"]) == 0

    def spoil(content: dict[str, bytes | Path]) -> None:
        content["common/__init__.py"] = b"import subprocess\nimport common.io\n"
        content["common/cli.py"] = b"from os import system\n"
        content["common/fast.so"] = content["torch/__init__.py"] = content["common/new.pyc"] = b""

    archive = with_wheel(small, tmp_path, spoil)
    monkeypatch.setattr(verify, "repeat_reference", lambda *arguments: pytest.fail("it was run"))
    with pytest.raises(SharingError, match="not run, because 5 things in it are unusual"):
        verify_archive(archive)
    capsys.readouterr()
    assert main(["inspect", str(archive), "--marked"]) == 3
    said = capsys.readouterr().out
    for line in (
        *("common/__init__.py:1 subprocess (reaches beyond image code)", "common/cli.py:1 os (reaches beyond"),
        *("torch/__init__.py (not part of", "common/fast.so (not part", "common/new.pyc (not part"),
    ):
        assert line in said
    next(tmp_path.glob("*.whl")).unlink()
    assert main(["inspect", str(archive), "--marked"]) == 3
    assert "needs this wheel beside the archive" in capsys.readouterr().out


def test_the_wheel_holds_the_package_and_no_lists_of_patients(tmp_path: Path) -> None:
    wheel = write_wheel(REPOSITORY / "common", tmp_path)
    first = wheel.read_bytes()
    assert write_wheel(REPOSITORY / "common", tmp_path).read_bytes() == first
    with zipfile.ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    for path in (REPOSITORY / "common").rglob("*.py"):
        assert content[path.relative_to(REPOSITORY).as_posix()] == path.read_bytes()
    assert not [name for name in content if "splits/" in name or name.endswith(".pyc")]
    assert "common/sharing/metadata_schema.json" in content
    text = b"".join(content.values()).decode("utf-8", "replace")
    assert str(REPOSITORY) not in text
    assert not [word for word in machine_words() if word in text]
    (record,) = (name for name in content if name.endswith(".dist-info/RECORD"))
    rows = list(csv.reader(io.StringIO(content[record].decode())))
    assert {row[0] for row in rows} == set(content)
    for name, digest, size in rows:
        if name != record:
            wanted = base64.urlsafe_b64encode(hashlib.sha256(content[name]).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (f"sha256={wanted}", len(content[name]))


@pytest.mark.slow
def test_pip_installs_the_wheel(tmp_path: Path) -> None:
    wheel = write_wheel(REPOSITORY / "common", tmp_path)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--no-deps",
        "--no-index",
        "--no-compile",
    ]
    subprocess.run([*pip, "--target", tmp_path / "site", wheel], check=True, capture_output=True)
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import common; print(common.__file__)"
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    assert Path(done.stdout.strip()) == tmp_path / "site" / "common" / "__init__.py"


@pytest.mark.usefixtures("no_run")
def test_the_hub_gets_the_bundle_and_a_model_card(name: str, tmp_path: Path, unpacked: Folders) -> None:
    place = prepare_hub(source(name), tmp_path / "hub")
    assert place == tmp_path / "hub" / SHARED_NAMES[name]
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    # The layout that monai.bundle.push_to_hf_hub uploads: the bundle's folder with README.md at its top.
    assert {path.name for path in place.iterdir()} == {
        "README.md",
        *(path.name for path in unpacked(name).iterdir()),
    }
    assert check_manifest(place) > 100
    _, header, page = (place / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    facts = yaml.safe_load(header)
    assert facts["library_name"] == "monai"
    assert facts["license"] == "other"
    metadata = json.loads((place / "configs" / "metadata.json").read_text(encoding="utf-8"))
    for measure, value in metadata["eval_metrics"].items():
        assert f"| {measure.replace('_', ' ')} | {value} |" in page
    assert "| code | Apache License 2.0" in page
    assert re.search(r"^\| weights \| .*non-commercial use only", page, re.MULTILINE)
    assert metadata["intended_use"] in page
    assert (place / "docs" / "README.md").read_text(encoding="utf-8") in page
    with pytest.raises(SharingError, match="exists already"):
        prepare_hub(source(name), tmp_path / "hub")


def test_a_hub_folder_that_fails_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise SharingError("does not run")

    monkeypatch.setattr(hub, "prepare", fail)
    with pytest.raises(SharingError, match="does not run"):
        prepare_hub(source("lung_seg"), tmp_path / "hub")
    assert not list(tmp_path.rglob("*cxr*"))


def files(folder: Path) -> dict[str, str]:
    return {
        "meta_file": str(folder / "configs" / "metadata.json"),
        "config_file": str(folder / "configs" / "inference.yaml"),
    }


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Function that makes a bundle's folder the first place where Python looks, as starting inside it does."""

    def enter(folder: Path) -> None:
        for module in [name for name in sys.modules if name.split(".")[0] == "scripts"]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.syspath_prepend(str(folder))

    return enter


def test_the_network_is_that_of_the_metadata(name: str, unpacked: Folders, inside: Callable[[Path], None]) -> None:
    folder = unpacked(name)
    inside(folder)
    verify_net_in_out(net_id="network_def", device="cpu", n=4, p=1, any=64, **files(folder))
    assert sys.modules["scripts.common"].__file__ == str(folder / "scripts" / "common" / "__init__.py")


@pytest.mark.slow
def test_monai_exports_the_network(
    name: str, unpacked: Folders, inside: Callable[[Path], None], tmp_path: Path
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    folder = unpacked(name)
    inside(folder)
    weights = str(folder / "models" / "model.pt")
    shared = {"net_id": "network_def", "ckpt_file": weights, **files(folder)}
    ckpt_export(filepath=str(tmp_path / "model.ts"), **shared)
    onnx_export(filepath=str(tmp_path / "model.onnx"), input_shape=[1, 1, 64, 64], use_trace=True, **shared)
    parser = ConfigParser()
    parser.read_config(files(source(name))["config_file"])
    network = parser.get_parsed_content("network_def").eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    assert type(network).__module__.startswith("common.")
    image = torch.rand((1, 1, 64, 64), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = network(image)
        assert torch.allclose(torch.jit.load(tmp_path / "model.ts")(image), expected, atol=1e-5)
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    assert abs(found - expected.numpy()).max() < 1e-4
