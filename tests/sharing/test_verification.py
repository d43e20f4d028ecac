"""What verify refuses before it executes anything."""

from __future__ import annotations

import base64
import json
import pickle
import re
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from shared_bundles import pack

from common.sharing import SharingError, make_keys, verify, verify_archive
from common.sharing.manifest import write_manifest
from common.sharing.reference import compare
from common.sharing.signature import check_signature, read_private, sign


@pytest.fixture
def refused(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Function that packs and verifies the spoilt bundle and gives the reason of the refusal; nothing was run."""

    def refuse(*, listed: bool = True, **options: Any) -> str:
        monkeypatch.setattr(verify, "repeat_reference", lambda *arguments: pytest.fail("it was run"))
        archive = pack(small, tmp_path / "x.zip", listed=listed)
        with pytest.raises(SharingError) as caught:
            verify_archive(archive, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refuse


def change_metadata(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "configs" / "metadata.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_the_unspoilt_bundle_is_accepted(small: Path, tmp_path: Path) -> None:
    said: list[str] = []
    found = verify_archive(pack(small, tmp_path / "x.zip"), run=False, tell=said.append)
    assert found.name == "cxr_lung_segmentation"
    assert "--  not signed" in said
    assert "--  reference prediction: not repeated" in said
    assert any(line.startswith("ok  models/model.pt: 1 plain tensors") for line in said)


def test_a_file_that_was_changed_missing_or_added_is_refused(small: Path, refused: Callable[..., str]) -> None:
    write_manifest(small)
    licence = (small / "LICENSE").read_bytes()
    (small / "LICENSE").write_bytes(licence + b" ")
    assert "cxr_lung_segmentation/LICENSE: another file than the one in MANIFEST.sha256" in refused(listed=False)
    (small / "LICENSE").unlink()
    assert "listed, but missing: LICENSE" in refused(listed=False)
    (small / "LICENSE").write_bytes(licence)
    (small / "scripts" / "extra.py").write_text("")
    assert "not in the list: scripts/extra.py" in refused(listed=False)
    (small / "scripts" / "extra.py").unlink()
    shutil.move(small, small.with_name("cxr_tb_segmentation"))
    shutil.move(small.with_name("cxr_tb_segmentation"), small)
    (small / "MANIFEST.sha256").write_text("abc\n")
    assert "MANIFEST.sha256:1: a SHA-256 and a path below cxr_lung_segmentation/" in refused(listed=False)
    (small / "MANIFEST.sha256").unlink()
    assert "no MANIFEST.sha256" in refused(listed=False)


def test_a_bundle_under_another_name_is_refused(small: Path, tmp_path: Path) -> None:
    write_manifest(small)
    renamed = small.rename(small.with_name("cxr_tb_classification"))
    with pytest.raises(SharingError, match=r"MANIFEST\.sha256:1: .* below cxr_tb_classification/"):
        verify_archive(pack(renamed, tmp_path / "x.zip", listed=False))


def test_the_list_is_one_that_sha256sum_reads(small: Path) -> None:
    write_manifest(small)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", f"{small.name}/MANIFEST.sha256"], cwd=small.parent, check=False
    )
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda meta: meta.pop("task"), r"metadata.json: $: 'task' is a required property"),
        (lambda meta: meta.update(version="9.9.9"), "version 9.9.9 is not in the changelog"),
        (lambda meta: meta["required_packages_version"].update(common="1.0"), "common is on no package index"),
        (lambda meta: meta["required_packages_version"].update({"x; rm": "1"}), "'x; rm' does not match"),
        (lambda meta: meta["network_data_format"].pop("outputs"), "'outputs' is a required property"),
        (lambda meta: meta["provenance"].update(format=2), "of a newer cxr-tb-common than the one here"),
        (lambda meta: meta["provenance"]["code"].update(wheel="../x.whl"), "no name of a wheel"),
        (lambda meta: meta["provenance"]["code"].update(wheel="x.whl"), "x.whl: missing"),
    ],
)
def test_faulty_metadata_are_refused(small: Path, refused: Callable[..., str], change: Any, reason: str) -> None:
    change_metadata(small, change)
    assert reason in refused()


def test_a_bundle_of_newer_packages_is_said_to_be_one(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"monai": "1.6.1", "torch": "2.13.0+cpu", "numpy": "2.10.0", "pandas": "3.0.1"}

    def installed(name: str) -> str:
        if name not in here:
            raise PackageNotFoundError(name)
        return here[name]

    def newer(meta: dict[str, Any]) -> None:
        meta |= {"monai_version": "1.10.0", "pytorch_version": "2.13.0", "numpy_version": "2.9.5"}
        meta["required_packages_version"] = {"pandas": "3.0.1", "nibabel": "5.0"}

    change_metadata(small, newer)
    archive = pack(small, tmp_path / "x.zip")
    monkeypatch.setattr(verify, "version", installed)
    monkeypatch.setattr(verify, "inspect_bundle", lambda folder, beside: SimpleNamespace(marked=[]))
    said: list[str] = []
    assert verify_archive(archive, run=False, tell=said.append).name == "cxr_lung_segmentation"
    assert [line for line in said if "made with" in line] == [
        "--  monai: made with 1.10.0, here the older 1.6.1",
        "--  numpy: made with 2.9.5, here 2.10.0",
        "--  nibabel: made with 5.0, here not installed",
    ]

    def fail(*arguments: object) -> str:
        raise SharingError("does not run")

    # They are named where they may be the cause, and nothing is refused that runs.
    monkeypatch.setattr(verify, "repeat_reference", lambda *arguments: "to the bit")
    assert verify_archive(archive).checks[-1].endswith("to the bit")
    monkeypatch.setattr(verify, "repeat_reference", fail)
    reason = "does not run (monai: made with 1.10.0, here the older 1.6.1; nibabel: made with 5.0, here not installed)"
    with pytest.raises(SharingError, match=f"^{re.escape(reason)}$"):
        verify_archive(archive)


class Evil:
    """A pickle of it writes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("canary", "w")


def test_weights_that_are_no_plain_tensors_are_refused(
    small: Path, refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = small / "models" / "model.pt"
    torch.save({"weight": Evil()}, model)
    assert "objects that are no tensors" in refused()
    torch.save({"epoch": 3}, model)
    assert "epoch: no plain tensor but int" in refused()
    torch.save({"weight": torch.zeros(1).expand(10**6, 10**6)}, model)
    assert "a view that is larger than its values" in refused()
    model.write_bytes(pickle.dumps(Evil()))
    assert "not a file that torch.save writes today" in refused()
    torch.save({"weight": torch.zeros(9)}, model)
    with zipfile.ZipFile(model) as old:
        members = {entry.filename: old.read(entry) for entry in old.infolist()}
    with zipfile.ZipFile(model, "w", zipfile.ZIP_DEFLATED) as new:
        for member, content in members.items():
            new.writestr(member, content)
    assert "compressed inside" in refused()
    assert not (tmp_path / "canary").exists()


def test_unusual_code_is_not_run_unless_that_is_wanted(
    small: Path, refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small / "scripts" / "__init__.py").write_text("import subprocess\n")
    assert "not run, because 1 things in it are unusual" in refused()
    monkeypatch.setattr(verify, "repeat_reference", lambda *arguments: "run")
    archive = pack(small, tmp_path / "x.zip")
    assert verify_archive(archive, accept_unusual=True).checks[-1].endswith("run")
    key = tmp_path / "key"
    make_keys(key)
    sign(small, read_private(key))
    pack(small, archive, listed=False)
    assert verify_archive(archive, trusted=Path(f"{key}.pub")).checks[-1].endswith("run")


def test_keys_and_signatures(small: Path, refused: Callable[..., str], tmp_path: Path) -> None:
    ours, other = tmp_path / "ours", tmp_path / "other"
    public = make_keys(ours)
    make_keys(other)
    assert public == tmp_path / "ours.pub"
    assert stat.S_IMODE(ours.stat().st_mode) == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    write_manifest(small)
    assert "not signed; a signature by the key" in refused(listed=False, trusted=public)
    sign(small, read_private(other))
    assert "not signed by the key" in refused(listed=False, trusted=public)
    sign(small, read_private(ours))
    archive = pack(small, tmp_path / "x.zip", listed=False)
    assert verify_archive(archive, trusted=public, run=False).checks[0] == f"signed by the key {public}"
    # Another list of files under the same signature, and a signature that is none.
    (small / "LICENSE").write_text("changed")
    assert "LICENSE: another file" in refused(listed=False, trusted=public)
    assert "not signed by the key" in refused(listed=True, trusted=public)
    (small / "MANIFEST.sha256.sig").write_bytes(b"\xff\xfe not base64")
    assert "not signed by the key" in refused(listed=False, trusted=public)


def test_signatures_are_those_of_openssl(small: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key = tmp_path / "key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
    key.chmod(0o600)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", f"{key}.pub"], check=True, capture_output=True)
    write_manifest(small)
    sign(small, read_private(key))
    check_signature(small, Path(f"{key}.pub"))
    # The commands of docs/sharing.md for a receiver without this package.
    (tmp_path / "signature").write_bytes(base64.b64decode((small / "MANIFEST.sha256.sig").read_bytes()))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"{key}.pub", "-rawin"]
    command += ["-in", str(small / "MANIFEST.sha256"), "-sigfile", str(tmp_path / "signature")]
    assert "Verified Successfully" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_keys_that_are_none_are_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    public = make_keys(key)
    for make in (key, tmp_path / "fresh"):
        (tmp_path / "fresh.pub").touch()
        with pytest.raises(SharingError, match="exists already"):
            make_keys(make)
    assert not (tmp_path / "fresh").exists()
    with pytest.raises(SharingError, match="no private key as keygen writes it"):
        read_private(_private(public))
    with pytest.raises(SharingError, match="no public key as keygen writes it"):
        check_signature(tmp_path, key)
    with pytest.raises(SharingError, match="nowhere: cannot be read"):
        read_private(tmp_path / "nowhere")
    key.chmod(0o640)
    with pytest.raises(SharingError, match="others may read this private key"):
        read_private(key)


def _private(path: Path) -> Path:
    path.chmod(0o600)
    return path


def test_other_results_than_the_reference_are_refused(unpacked: Callable[..., Path], tmp_path: Path) -> None:
    expected = unpacked("lung_seg") / "docs" / "reference" / "expected"
    found = tmp_path / "found"
    shutil.copytree(expected, found)
    assert compare(expected, found) == "3 files to the bit"
    table = (found / "predictions.csv").read_text()
    value = table.splitlines()[1].split(",")[4]
    assert 0 < float(value) < 1
    for factor, accepted in ((1.005, True), (1.05, False)):
        (found / "predictions.csv").write_text(table.replace(value, str(float(value) * factor)))
        if accepted:
            assert compare(expected, found) == "3 files within the accepted difference"
        else:
            with pytest.raises(SharingError, match=r"predictions\.csv: lung_area_fraction of healthy\.png"):
                compare(expected, found)
    (found / "predictions.csv").write_text(table.replace("healthy", "other"))
    with pytest.raises(SharingError, match=r"image of healthy\.png is other\.png"):
        compare(expected, found)
    (found / "predictions.csv").write_text(table)
    shutil.copyfile(found / "ill_lungs.png", found / "healthy_lungs.png")
    with pytest.raises(SharingError, match=r"healthy_lungs\.png: .* of the pixels differ; 0\.1% is accepted"):
        compare(expected, found)
    (found / "healthy_lungs.png").unlink()
    with pytest.raises(SharingError, match=r"healthy_lungs\.png was not written"):
        compare(expected, found)


def test_a_bundle_that_does_not_run_is_refused(unpacked: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "work" / "cxr_lung_segmentation"
    shutil.copytree(unpacked("lung_seg"), folder)
    torch.save({"weight": torch.zeros(2)}, folder / "models" / "model.pt")
    with pytest.raises(SharingError, match=r"without the package common fails: error: .*weights of another"):
        verify_archive(pack(folder, tmp_path / "x.zip"))
