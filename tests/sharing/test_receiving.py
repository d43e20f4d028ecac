"""An import leaves a complete bundle or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from shared_bundles import pack

from common.sharing import SharingError, import_archive, importing


@pytest.fixture
def archive(small: Path, tmp_path: Path) -> Path:
    """An archive of version 1 of the small bundle."""
    return pack(small, tmp_path / "x.zip")


@pytest.fixture
def newer(small: Path, tmp_path: Path, archive: Path) -> Path:
    """Another version of it."""
    (small / "LICENSE").write_text("newer")
    return pack(small, tmp_path / "newer.zip")


def content(folder: Path) -> dict[str, bytes]:
    """Bytes of every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def receive(archive: Path, target: Path, **options: bool) -> Path:
    return import_archive(archive, target, run=False, **options)[0]


def test_a_good_archive_comes_in_whole(archive: Path, small: Path, tmp_path: Path) -> None:
    place = receive(archive, tmp_path / "bundles")
    assert place == tmp_path / "bundles" / "cxr_lung_segmentation"
    assert content(place) == content(small)
    assert [path.name for path in (tmp_path / "bundles").iterdir()] == ["cxr_lung_segmentation"]


def test_a_refused_archive_leaves_nothing(archive: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.zip"
    spoilt.write_bytes(archive.read_bytes().replace(b"Apache License", b"apache License", 1))
    with pytest.raises(SharingError):
        receive(spoilt, tmp_path / "bundles")
    assert list((tmp_path / "bundles").iterdir()) == []
    with pytest.raises(SharingError, match=r"gone\.zip: no such file"):
        receive(tmp_path / "gone.zip", tmp_path / "bundles")


def test_a_bundle_that_is_there_stays_unless_replaced(archive: Path, newer: Path, tmp_path: Path) -> None:
    target = tmp_path / "bundles"
    place = receive(archive, target)
    before = content(place)
    with pytest.raises(SharingError, match="exists already; --replace puts the new bundle in its place"):
        receive(newer, target)
    assert content(place) == before
    receive(newer, target, replace=True)
    assert (place / "LICENSE").read_text() == "newer"
    assert [path.name for path in target.iterdir()] == [place.name]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_no_bundle_is_never_replaced(archive: Path, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "bundles" / "cxr_lung_segmentation"
    place.parent.mkdir()
    if kind == "folder":
        (place / "mine").mkdir(parents=True)
    elif kind == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SharingError, match="not a bundle, hence not replaced"):
        receive(archive, place.parent, replace=True)
    assert os.path.lexists(place)
    assert [path.name for path in place.parent.iterdir()] == [place.name]


@pytest.mark.parametrize("step", ["unpack", "verify_folder", "_put", "rename", "_sync"])
@pytest.mark.parametrize("there", [False, True], ids=["new", "replacing"])
def test_a_crash_leaves_all_or_nothing(
    archive: Path, newer: Path, small: Path, tmp_path: Path, step: str, there: bool
) -> None:
    """The process ends at once, as by SIGKILL or a power cut: nothing is cleaned up."""
    target = tmp_path / "bundles"
    before = content(receive(archive, target)) if there else None
    child = os.fork()
    if child == 0:
        place = importing.os if step == "rename" else importing
        setattr(place, step, lambda *arguments, **options: os._exit(9))
        try:
            receive(newer, target, replace=there)
        finally:
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    # Folders change places without rename where the system can.
    assert status == (0 if step == "rename" and there else 9)
    place = target / "cxr_lung_segmentation"
    assert (content(place) if place.exists() else None) in (before, content(small))
    if step in ("unpack", "verify_folder", "_put"):
        assert (content(place) if place.exists() else None) == before
    # What is left behind is no obstacle.
    receive(newer, target, replace=True)
    assert content(place) == content(small)


def test_where_folders_cannot_change_places_the_old_one_comes_back(
    archive: Path, newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "bundles"
    place = receive(archive, target)
    before = content(place)
    rename: Callable[..., None] = os.rename
    monkeypatch.setattr(importing, "_exchange", lambda first, second: False)

    def fail(source: Path, goal: Path) -> None:
        if Path(goal) == place and Path(source).name == place.name:
            raise OSError(28, "No space left on device")
        rename(source, goal)

    with monkeypatch.context() as patch:
        patch.setattr(importing.os, "rename", fail)
        with pytest.raises(SharingError, match="No space left on device"):
            receive(newer, target, replace=True)
    assert content(place) == before
    receive(newer, target, replace=True)
    assert (place / "LICENSE").read_text() == "newer"
    assert [path.name for path in target.iterdir()] == [place.name]


def test_a_full_disk_leaves_nothing(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SharingError, match="cannot be unpacked"):
        receive(archive, tmp_path / "bundles")
    assert list((tmp_path / "bundles").iterdir()) == []


def test_two_imports_at_once_do_not_mix(archive: Path, newer: Path, tmp_path: Path, small: Path) -> None:
    target = tmp_path / "bundles"
    verify = importing.verify_folder

    def meanwhile(*arguments: object, **options: object) -> object:
        found = verify(*arguments, **options)  # type: ignore[arg-type]
        if not target.joinpath("cxr_lung_segmentation").exists():
            shutil.copytree(small, target / "cxr_lung_segmentation")
        return found

    patch = pytest.MonkeyPatch()
    patch.setattr(importing, "verify_folder", meanwhile)
    try:
        with pytest.raises(SharingError, match="exists already"):
            receive(archive, target)
    finally:
        patch.undo()
    assert content(target / "cxr_lung_segmentation") == content(small)
