"""Every fault that a real archive can have, and that nothing is lost by it."""

from __future__ import annotations

import ctypes
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
import requests
from archive_files import names, radiograph, result
from orthanc_radiographs import radiographs, study_of
from orthanc_server import Orthanc

Started = Callable[..., Orthanc]
Command = Callable[..., tuple[int, str, str]]


def last_line(err: str) -> str:
    return err.strip().splitlines()[-1]


def count(server: Orthanc) -> int:
    return int(requests.get(f"{server.url}/statistics", timeout=60).json()["CountInstances"])


def test_down_and_up_again(orthanc: Started, command: Command, tmp_path: Path) -> None:
    server = orthanc()
    paths = radiographs(tmp_path / "source", 3)
    server.upload(*paths)
    for path in paths:
        result(tmp_path / "results" / f"{path.name}_tb.sr.dcm", path)
    server.stop()
    down = f"{server.dicom_web}: no connection: nothing listens at this address, or the archive is down"
    for words in (("fetch", tmp_path / "in"), ("store", tmp_path / "results")):
        status, out, err = command(words[0], server.dicom_web, words[1], "--attempts", "2")
        assert (status, out) == (1, "")
        assert err.splitlines()[0] == f"{down}; attempt 2 of 2 in 1 s"
        assert last_line(err) == f"error: {down}"
    assert (tmp_path / "results" / "stored.csv").read_text().count(",waiting,") == 3

    # It comes back while the command waits.
    threading.Timer(1.0, server.start).start()
    status, out, _err = command("store", server.dicom_web, tmp_path / "results", "--attempts", "8")
    assert (status, out.splitlines()[-1]) == (0, "3 stored")
    assert command("fetch", server.dicom_web, tmp_path / "in")[:2] == (0, "fetched: 3\n")


def test_slow(orthanc: Started, command: Command, tmp_path: Path) -> None:
    server = orthanc()
    server.upload(*radiographs(tmp_path / "source", 1))
    server.freeze()
    late = f"{server.dicom_web}: the archive did not answer within the time limit"
    status, out, err = command("fetch", server.dicom_web, tmp_path / "in", "--timeout", "1", "--attempts", "2")
    assert (status, out) == (1, "")
    assert err.splitlines() == [f"{late}; attempt 2 of 2 in 1 s", f"error: {late}"]
    threading.Timer(2.0, server.thaw).start()
    status, out, err = command("fetch", server.dicom_web, tmp_path / "in", "--timeout", "1", "--attempts", "8")
    assert (status, out) == (0, "fetched: 1\n")
    assert f"{late}; attempt 2 of 8 in 1 s" in err


def kill_after(words: list[str], enough: Callable[[], bool]) -> None:
    """Start the command in a process of its own and kill it in the middle of its work."""
    process = subprocess.Popen([sys.executable, "-m", "common.archive", *words], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not enough():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()


def test_killed_in_the_middle_of_a_fetch(orthanc: Started, command: Command, tmp_path: Path) -> None:
    server, folder, total = orthanc(), tmp_path / "in", 60
    sources = {path.name: path for path in radiographs(tmp_path / "source", total)}
    server.upload(*sources.values())
    kill_after(["fetch", server.dicom_web, str(folder)], lambda: len(list(folder.glob("*/*.dcm"))) >= 5)
    before = len(list(folder.glob("*/*.dcm")))
    assert 5 <= before < total
    status, out, _err = command("fetch", server.dicom_web, folder)
    assert (status, out) == (0, f"fetched: {total - before}\npresent: {before}\n")
    for path in folder.glob("*/*.dcm"):
        content = pydicom.dcmread(path)
        assert content == pydicom.dcmread(sources[f"{content.PatientID}.dcm"])


def test_killed_in_the_middle_of_a_store(orthanc: Started, command: Command, tmp_path: Path) -> None:
    server, total = orthanc(), 60
    paths = radiographs(tmp_path / "source", total)
    server.upload(*paths)
    for path in paths:
        result(tmp_path / "results" / f"{path.name}_tb.sr.dcm", path)
    kill_after(["store", server.dicom_web, str(tmp_path / "results")], lambda: count(server) >= total + 5)
    before = count(server) - total
    assert 5 <= before < total
    status, out, _err = command("store", server.dicom_web, tmp_path / "results")
    assert (status, out.splitlines()[-1]) == (0, f"{total - before} stored, {before} present")
    assert count(server) == 2 * total


def test_archive_killed_in_the_middle_of_a_store(orthanc: Started, command: Command, tmp_path: Path) -> None:
    server, total = orthanc(), 60
    paths = radiographs(tmp_path / "source", total)
    server.upload(*paths)
    for path in paths:
        result(tmp_path / "results" / f"{path.name}_tb.sr.dcm", path)

    def kill() -> None:
        while count(server) < total + 5:
            time.sleep(0.005)
        server.kill()
        time.sleep(1)
        server.start()

    thread = threading.Thread(target=kill)
    thread.start()
    status, out, err = command("store", server.dicom_web, tmp_path / "results", "--attempts", "8")
    thread.join()
    assert (status, last_line(out)) in ((0, f"{total} stored"), (0, f"{total - 1} stored, 1 present"))
    assert "attempt 2 of 8" in err
    # Of what the archive had confirmed before its death, its journal may have lost the last; a second run tells.
    status, out, _err = command("store", server.dicom_web, tmp_path / "results")
    assert status == 0
    assert count(server) == 2 * total


def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A small file system in memory."""
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()):
        pytest.skip(f"a small file system cannot be mounted here ({os.strerror(ctypes.get_errno())})")
    try:
        yield folder
    finally:
        libc.umount(os.fsencode(folder))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 64 kB."""
    yield from mounted(tmp_path / "disk", "64k")


def test_disk_full_while_fetching(orthanc: Started, command: Command, small_disk: Path, tmp_path: Path) -> None:
    server = orthanc()
    server.upload(*radiographs(tmp_path / "source", 10))
    status, out, err = command("fetch", server.dicom_web, small_disk / "in")
    assert (status, out) == (1, "")
    kept_line = "what has been fetched stays, and the same command goes on"
    assert last_line(err) == f"error: {small_disk / 'in'}: No space left on device; {kept_line}"
    kept = list((small_disk / "in").glob("*/*.dcm"))
    assert 0 < len(kept) < 10
    for path in kept:
        pydicom.dcmread(path).pixel_array  # noqa: B018 - whole
    assert [name for name in names(small_disk / "in") if ".part" in name] == []
    os.system(f"mount -o remount,size=1m {small_disk}")
    status, out, _err = command("fetch", server.dicom_web, small_disk / "in")
    assert (status, out) == (0, f"fetched: {10 - len(kept)}\npresent: {len(kept)}\n")


def test_study_deleted_between_listing_and_retrieval(
    orthanc: Started, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = orthanc()
    paths = radiographs(tmp_path / "source", 4)
    server.upload(*paths)
    from common.archive import fetch

    listed = fetch.instances_of

    def list_then_delete(archive: object, study: str, series: str) -> list[fetch.Instance]:
        if study == study_of(paths[2]):
            server.delete_study(study)  # before its objects are listed
        found = listed(archive, study, series)  # type: ignore[arg-type]
        if study == study_of(paths[1]):
            server.delete_study(study)  # between listing and retrieval
        return found

    monkeypatch.setattr(fetch, "instances_of", list_then_delete)
    status, out, _err = command("fetch", server.dicom_web, tmp_path / "in")
    assert (status, out.splitlines()) == (
        3,
        [
            "fetched: 2",
            "gone: 2",
            "  1 x no longer in the archive",
            "  1 x the archive lists nothing in this series any more",
        ],
    )
    result(tmp_path / "results" / "a_tb.sr.dcm", paths[1])
    status, out, _err = command("store", server.dicom_web, tmp_path / "results")
    assert status == 3
    assert out.splitlines()[0] == "refused: a_tb.sr.dcm: the archive does not hold the study of this result"
    assert command("store", server.dicom_web, tmp_path / "results", "--new-studies")[0] == 0


def test_selection_by_a_real_archive(orthanc: Started, command: Command, tmp_path: Path) -> None:
    server = orthanc()
    first = radiograph(tmp_path / "source" / "first.dcm", 1, AccessionNumber="A7", Modality="CR")
    second = radiograph(tmp_path / "source" / "second.dcm", 2, StudyDate="20250101")
    side = radiograph(tmp_path / "source" / "side.dcm", 3, ViewPosition="LL", StudyDate="20260101")
    other = radiograph(tmp_path / "source" / "ct.dcm", 4, Modality="CT")
    server.upload(first, second, side, other)
    for number, (words, expected) in enumerate(
        (
            ([], {"first", "second"}),
            (["--modality", "CR"], {"first"}),
            (["--patient", "second"], {"second"}),
            (["--date", "20240101-20241231"], {"first"}),
            (["--date", "20250101-"], {"second"}),
            (["--accession", "A7"], {"first"}),
            (["--study", study_of(second), study_of(other)], {"second"}),
            (["--patient", "nobody"], set()),
        )
    ):
        folder = tmp_path / f"in{number}"
        command("fetch", server.dicom_web, folder, *words)
        assert {pydicom.dcmread(path).PatientID for path in folder.glob("*/*.dcm")} == expected, words


def test_more_than_one_page(
    orthanc: Started, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.archive.query.PAGE", 4)
    server = orthanc()
    server.upload(*radiographs(tmp_path / "source", 9))
    assert command("fetch", server.dicom_web, tmp_path / "in")[:2] == (0, "fetched: 9\n")


def test_large_object_and_exact_bytes_of_pixels(orthanc: Started, command: Command, tmp_path: Path) -> None:
    """Pixels of another transfer syntax come as they are."""
    source = radiograph(tmp_path / "source" / "rle.dcm", 1)
    dataset = pydicom.dcmread(source)
    dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(source, enforce_file_format=True)
    server = orthanc()
    server.upload(source)
    assert command("fetch", server.dicom_web, tmp_path / "in")[0] == 0
    (path,) = (tmp_path / "in").glob("*/*.dcm")
    got = pydicom.dcmread(io.BytesIO(path.read_bytes()))
    assert got.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless
    assert got.PixelData == dataset.PixelData
