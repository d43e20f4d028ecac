"""The command line: credentials, certificates, wrong addresses, answers that are none; one line for each."""

from __future__ import annotations

import csv
import io
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from archive_files import names, radiograph, result
from fake_archive import FakeArchive, Request

from common.archive.connection import checked_url

Command = Callable[..., tuple[int, str, str]]


def last_line(err: str) -> str:
    return err.strip().splitlines()[-1]


def test_fetch_work_store_find(command: Command, fake: FakeArchive, one: Path, tmp_path: Path) -> None:
    side = radiograph(tmp_path / "source" / "side.dcm", 5, ViewPosition="LL")
    fake.add(side)
    status, out, err = command("fetch", fake.url, tmp_path / "in")
    assert (status, out) == (3, "fetched: 1\nrefused: 1\n  1 x a lateral view (View Position LL)\n")
    result(tmp_path / "results" / "p_tb.sr.dcm", one)
    status, out, err = command("store", fake.url + "/", tmp_path / "results")
    assert (status, out, err) == (0, "stored: p_tb.sr.dcm\n1 stored\n", "")
    status, out, err = command("store", fake.url, tmp_path / "results")
    assert (status, out) == (0, "present: p_tb.sr.dcm\n0 stored, 1 present\n")
    study = pydicom.dcmread(one).StudyInstanceUID
    status, out, err = command("find", fake.url, "--study", study)
    (row,) = csv.DictReader(io.StringIO(out))
    assert (status, row["study_uid"], row["modality"], row["patient_id"]) == (0, study, "SR", "p")


def test_nothing_fits(command: Command, fake: FakeArchive, one: Path, tmp_path: Path) -> None:
    status, out, err = command("fetch", fake.url, tmp_path / "in", "--date", "19000101")
    assert (status, out, err) == (0, "fetched: 0\n", "nothing in the archive fits the query\n")


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("ftp://127.0.0.1/x", "ftp://127.0.0.1/x: expected http(s)://MACHINE:PORT/PATH"),
        ("127.0.0.1:8042/dicom-web", "127.0.0.1:8042/dicom-web: expected http(s)://MACHINE:PORT/PATH"),
        ("http://", "http://: expected http(s)://MACHINE:PORT/PATH"),
        ("http://a/b?c=d", "http://a/b?c=d: expected http(s)://MACHINE:PORT/PATH"),
        ("http://a:99999/b", "the address of the archive is none: expected http(s)://MACHINE:PORT/PATH"),
        ("http://me:secret@a/b", "user and password do not belong into the address: see --user"),
    ],
)
def test_addresses_that_are_none(command: Command, url: str, line: str) -> None:
    assert command("find", url) == (1, "", f"error: {line}\n")


def test_address_loses_its_slash() -> None:
    assert checked_url("https://a.example/dicom-web/") == "https://a.example/dicom-web"
    assert checked_url("http://[::1]:8042/dicom-web") == "http://[::1]:8042/dicom-web"


def test_nothing_listens(command: Command) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/dicom-web"
    down = f"{url}: no connection: nothing listens at this address, or the archive is down"
    status, out, err = command("find", url, "--attempts", "3")
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        f"{down}; attempt 2 of 3 in 1 s",
        f"{down}; attempt 3 of 3 in 2 s",
        f"error: {down}",
    ]


def test_machine_that_is_not_known(command: Command) -> None:
    url = "http://no-such-machine.invalid/dicom-web"
    assert command("find", url) == (1, "", f"error: {url}: no machine of this name is known\n")


def test_archive_that_never_answers(command: Command, fake: FakeArchive) -> None:
    released = threading.Event()
    fake.spoil("GET", lambda request: released.wait(30) and None)
    status, _out, err = command("find", fake.url, "--timeout", "0.2", "--attempts", "2")
    released.set()
    late = f"{fake.url}: the archive did not answer within the time limit"
    assert (status, err) == (1, f"{late}; attempt 2 of 2 in 1 s\nerror: {late}\n")


def test_archive_that_stops_in_the_middle(command: Command, fake: FakeArchive, one: Path, tmp_path: Path) -> None:
    released = threading.Event()

    def half(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=x')
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"half of it")
        request.wfile.flush()
        released.wait(30)
        request.close_connection = True

    fake.spoil("/instances/", half)
    status, _out, err = command("fetch", fake.url, tmp_path / "in", "--timeout", "0.2", "--attempts", "1")
    released.set()
    late = f"error: {fake.url}: the archive did not answer within the time limit"
    assert (status, last_line(err)) == (1, late)
    assert names(tmp_path / "in") == ["fetched.csv"]


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (
            lambda request: request.reply(200, b"<html>Log in</html>", "text/html"),
            "the answer is not DICOM JSON; is this the address of its DICOMweb service (Orthanc: …/dicom-web)?",
        ),
        (
            lambda request: request.reply_json(["text"]),
            "the answer is not a list of DICOM JSON objects; "
            "is this the address of its DICOMweb service (Orthanc: …/dicom-web)?",
        ),
        (
            lambda request: request.reply_json({"error": "P123"}),
            "the answer lists an object without a valid StudyInstanceUID; "
            "is this the address of its DICOMweb service (Orthanc: …/dicom-web)?",
        ),
        (
            lambda request: request.reply(404),
            "the archive answers 404 Not Found; is this the address of its DICOMweb service (Orthanc: …/dicom-web)?",
        ),
        (
            lambda request: request.reply(403),
            "the archive answers 403 Forbidden: no permission for this request; "
            "is this the address of its DICOMweb service (Orthanc: …/dicom-web)?",
        ),
    ],
)
def test_answers_to_a_query_that_are_none(
    command: Command, fake: FakeArchive, tmp_path: Path, spoil: Callable[[Request], None], line: str
) -> None:
    fake.spoil("GET", spoil)
    status, out, err = command("fetch", fake.url, tmp_path / "in", "--patient", "P123")
    assert (status, out, err) == (1, "", f"error: {fake.url}: {line}\n")
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: request.reply(200, b"<html>Log in</html>", "text/html"),
        lambda request: request.reply_dicom(b"nothing of the kind"),
        lambda request: request.reply(200, b"", 'multipart/related; type="application/dicom"; boundary=x'),
        lambda request: request.reply(200, b"\xff" * 200, "application/dicom"),
    ],
)
def test_answers_to_a_retrieval_that_are_none(
    command: Command, fake: FakeArchive, one: Path, tmp_path: Path, answer: Callable[[Request], None]
) -> None:
    fake.spoil("/instances/", answer)
    status, out, _err = command("fetch", fake.url, tmp_path / "in", "--attempts", "2")
    assert (status, out) == (3, "fetched: 0\nfailed: 1\n  1 x the answer is not DICOM, or cut short\n")
    assert names(tmp_path / "in") == ["fetched.csv"]


def test_no_message_names_a_patient(command: Command, fake: FakeArchive, one: Path, tmp_path: Path) -> None:
    for spoil in (
        lambda request: request.reply(500, b"PATIENT-7 is broken"),
        lambda request: setattr(request, "close_connection", True),
        lambda request: request.reply(200, b"PATIENT-7", "application/json"),
    ):
        fake.faults.clear()
        fake.spoil("GET", spoil)
        status, out, err = command("fetch", fake.url, tmp_path / "in", "--patient", "PATIENT-7", "--attempts", "2")
        assert status == 1
        assert err.count("error: ") == 1
        assert "PATIENT-7" not in out + err


def test_options_out_of_range(command: Command) -> None:
    for words in (("--attempts", "0"), ("--timeout", "0")):
        assert command("find", "http://127.0.0.1:1/d", *words)[2] == (
            "error: --attempts is at least 1, --timeout more than 0\n"
        )
    assert "is not a Study Instance UID" in command("find", "http://127.0.0.1:1/d", "--study", "x")[2]


def test_without_the_package(tmp_path: Path) -> None:
    hidden = "lambda name, *rest: None if name == 'dicomweb_client' else find(name, *rest)"
    lines = ("import importlib.util, runpy", "find = importlib.util.find_spec", f"importlib.util.find_spec = {hidden}")
    program = "\n".join((*lines, "runpy.run_module('common.archive', run_name='__main__')"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ("error: an archive needs the package dicomweb-client: pip install dicomweb-client==0.61.2\n")
