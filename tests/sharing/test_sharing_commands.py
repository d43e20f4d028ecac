"""The command line: short errors, exit statuses, and what is printed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from shared_bundles import pack, source

from common.sharing import Exported, export
from common.sharing.__main__ import main


def fails(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Run a command that is refused; the one line that it says."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.endswith("…")]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.fixture
def spoilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a source bundle, whose export does not run it."""
    monkeypatch.setattr(export, "make_reference", lambda folder, wheel: None)
    folder = tmp_path / "lung_seg"
    shutil.copytree(source("lung_seg"), folder, ignore=shutil.ignore_patterns("eval", "runs"))
    return folder


def test_export_refuses_and_leaves_nothing(spoilt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.zip"
    assert "the name of an archive ending in .zip is needed" in fails(capsys, "export", spoilt, tmp_path / "x.tar")
    assert "nowhere: no such folder" in fails(capsys, "export", tmp_path / "nowhere", out, "--name", "x_segmentation")
    assert "no such folder" in fails(capsys, "export", spoilt, tmp_path / "none" / "x.zip")
    assert "key: cannot be read" in fails(capsys, "export", spoilt, out, "--sign", tmp_path / "key")
    training = spoilt / "configs" / "train.yaml"
    text = training.read_text()
    training.write_text(text + "x: /home/ann/films\n")
    assert "configs/train.yaml:" in fails(capsys, "export", spoilt, out)
    training.write_text(text + "x: {_target_: common.gone.Thing}\n")
    assert "common.gone.Thing: the package common has no such module" in fails(capsys, "export", spoilt, out)
    training.write_text(text)
    record = spoilt / "docs" / "training" / "cases.json"
    record.write_text('{"worst": "CHNCXR_0123_1"}')
    assert "docs/training/cases.json:1: a patient's or an image's name: CHNCXR_0123_1" in fails(
        capsys, "export", spoilt, out
    )
    record.unlink()
    (spoilt / "models" / "model.pt").write_bytes(b"no weights")
    assert "model.pt: not a file that torch.save writes today" in fails(capsys, "export", spoilt, out)
    assert not out.exists()


def test_names_of_a_sites_own_patients_stay_at_home(
    spoilt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "index.csv").write_text("image,patient_id\nfilms/ward-7.png,p-0815\n")
    page = spoilt / "docs" / "README.md"
    page.write_text(page.read_text() + "\nWorst: ward-7 of p-0815.\n")
    assert main(["export", str(spoilt), str(tmp_path / "x.zip"), "--index", str(tmp_path / "data")]) == 0
    said = capsys.readouterr().out
    assert "docs/README.md: 2 names of images or patients withheld" in said
    (spoilt / "models" / "quality.json").write_text('{"of": "p-0815"}')
    found = fails(capsys, "export", spoilt, tmp_path / "y.zip", "--index", tmp_path / "data")
    assert "models/quality.json:1: a patient's or an image's name: p-0815" in found


def test_from_keys_to_an_imported_bundle(
    exported: Callable[..., Exported], small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = exported("lung_seg").archive
    assert main(["inspect", str(archive)]) == 0
    said = capsys.readouterr().out
    assert "scripts.common.networks.ResidualUNet" in said
    assert '"training_data": "Montgomery County' in said
    assert said.endswith("Nothing unusual\n")
    assert main(["keygen", str(tmp_path / "key")]) == 0
    assert "not signed; a signature by the key" in fails(capsys, "verify", archive, "--trusted", tmp_path / "key.pub")
    assert main(["import", str(archive), str(tmp_path / "bundles"), "--no-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{tmp_path}/bundles/cxr_lung_segmentation: ")
    assert "exists already" in fails(capsys, "import", archive, tmp_path / "bundles", "--no-run")
    (small / "configs" / "evil.yaml").write_text("a: $open('x')\n")
    assert main(["inspect", str(pack(small, tmp_path / "evil.zip")), "--marked"]) == 3
    assert capsys.readouterr().out.splitlines()[-1] == "!! configs/evil.yaml:1 a $open('x') (uses open)"
    assert "gone.zip: no such file" in fails(capsys, "inspect", tmp_path / "gone.zip")


def test_a_signed_export_is_one_that_its_key_verifies(
    spoilt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, out = tmp_path / "key", tmp_path / "x.zip"
    assert main(["keygen", str(key)]) == 0
    assert main(["export", str(spoilt), str(out), "--sign", str(key)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(", signed")
    assert main(["verify", str(out), "--trusted", f"{key}.pub", "--no-run"]) == 0
    assert f"ok  signed by the key {key}.pub" in capsys.readouterr().out
