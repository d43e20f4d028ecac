"""Passwords, certificates and wrong addresses at a real archive: one line for each."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from archive_files import result
from orthanc_radiographs import radiographs
from orthanc_server import Orthanc
from tls_files import Authority
from tls_relay import TlsRelay

Started = Callable[..., Orthanc]
Command = Callable[..., tuple[int, str, str]]


def last_line(err: str) -> str:
    return err.strip().splitlines()[-1]


def test_credentials(orthanc: Started, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = orthanc(users={"reader": "secret"})
    server.upload(*radiographs(tmp_path / "source", 1), auth=("reader", "secret"))
    wrong = "the archive answers 401 Unauthorized: user, password or token is missing or wrong"
    wrong = f"error: {server.dicom_web}: {wrong}\n"
    assert command("fetch", server.dicom_web, tmp_path / "in") == (1, "", wrong)
    monkeypatch.setenv("CXR_ARCHIVE_PASSWORD", "guess")
    assert command("fetch", server.dicom_web, tmp_path / "in", "--user", "reader") == (1, "", wrong)
    monkeypatch.setenv("CXR_ARCHIVE_PASSWORD", "secret")
    assert command("fetch", server.dicom_web, tmp_path / "in", "--user", "reader")[:2] == (0, "fetched: 1\n")


def test_certificates(orthanc: Started, command: Command, tmp_path: Path) -> None:
    ours = Authority(tmp_path / "ours")
    server = orthanc()
    server.upload(*radiographs(tmp_path / "source", 1))
    with TlsRelay(server.url, ours.sign("server")) as relay:
        url = f"{relay.url}/dicom-web"
        status, out, err = command("find", url)
        assert (status, out) == (1, "")
        assert err.startswith(f"error: {url}: its certificate is not trusted (")
        assert err.endswith("); name the file of its authority with --ca\n")
        assert command("fetch", url, tmp_path / "in", "--ca", ours.ca)[:2] == (0, "fetched: 1\n")
        status, out, err = command("find", url.replace("https:", "http:"), "--attempts", "1")
        assert (status, out) == (1, "")
        assert len(err.splitlines()) == 1


def test_client_certificates(orthanc: Started, command: Command, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    server = orthanc()
    paths = radiographs(tmp_path / "source", 1)
    server.upload(*paths)
    result(tmp_path / "results" / "a_tb.sr.dcm", paths[0])
    with TlsRelay(server.url, ours.sign("server"), clients=ours.ca) as relay:
        url = f"{relay.url}/dicom-web"
        for wrong in ((), ("--certificate", theirs.sign("client"))):
            status, out, err = command("find", url, "--ca", ours.ca, "--attempts", "1", *wrong)
            assert (status, out) == (1, "")
            assert "client certificate" in err or "the connection broke" in err
        enter = ("--ca", ours.ca, "--certificate", ours.sign("client"))
        assert command("fetch", url, tmp_path / "in", *enter)[:2] == (0, "fetched: 1\n")
        assert command("store", url, tmp_path / "results", *enter)[1].splitlines()[-1] == "1 stored"


def test_wrong_address(orthanc: Started, command: Command, tmp_path: Path) -> None:
    server = orthanc()
    hint = "is this the address of its DICOMweb service (Orthanc: …/dicom-web)?"
    for url, found in (
        (server.url + "/dicomweb", "the archive answers 404 Not Found"),
        (server.url, "the answer is not a list of DICOM JSON objects"),
        (server.url + "/app/explorer.html", "the archive answers 404 Not Found"),
    ):
        status, out, err = command("fetch", url, tmp_path / "in", "--attempts", "1")
        assert (status, out) == (1, "")
        assert err.startswith(f"error: {url}: ")
        assert err.endswith(f"{hint}\n")
        assert len(err.splitlines()) == 1, found


def test_something_else_than_an_archive(command: Command, tmp_path: Path) -> None:
    """A web server that answers everything with a page."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>Log in</html>")

        def log_message(self, *words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/dicom-web"
    try:
        status, out, err = command("fetch", url, tmp_path / "in")
    finally:
        server.shutdown()
        server.server_close()
    assert (status, out) == (1, "")
    assert err.startswith(f"error: {url}: the answer is not DICOM JSON; is this")
