from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from common.data import downloads, fetch
from common.data.downloads import DOWNLOADS, Archive, Download, download
from common.data.fetch import DownloadError, unpack
from common.data.prepare import SOURCES

CONTENT = np.random.default_rng(0).bytes(700_000)
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """A publisher on this machine whose behaviour the tests set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = CONTENT
        self.tag = '"one"'
        self.ranges = True
        self.break_after: list[int] = []  # bytes after which the next answers break off
        self.requests: list[str] = []  # the Range header of each request

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, as some tests want it to, is no error worth printing."""

    def url(self, name: str = "set.zip") -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.requests.append(wanted)
        if self.path != "/set.zip":
            self.send_error(404)
            return
        start, size = 0, len(self.server.content)
        if wanted and self.server.ranges and self.headers.get("If-Range", self.server.tag) == self.server.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        else:
            self.send_response(200)
        self.send_header("ETag", self.server.tag)
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        body = self.server.content[start:]
        if self.server.break_after:
            body = body[: self.server.break_after.pop(0)]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as publisher:
        thread = threading.Thread(target=publisher.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield publisher
        publisher.shutdown()
        thread.join()


def _fetch(server: Server, target: Path, **options: object) -> Path:
    return fetch.fetch(server.url(), target, **({"wait": 0.0, "progress": False, "timeout": 10.0} | options))


def _leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_once(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "sub" / "set.zip"

    assert _fetch(server, target, checksum=SHA256) == target
    assert target.read_bytes() == CONTENT
    assert _leftovers(target.parent) == ["set.zip"]

    _fetch(server, target, checksum=SHA256)
    assert server.requests == [""]  # the second call asked for nothing


def test_a_broken_transfer_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.break_after = [300_000, 100_000]

    _fetch(server, tmp_path / "set.zip", checksum=SHA256)

    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert server.requests == ["", "bytes=300000-", "bytes=400000-"]


def test_what_arrived_is_kept_for_the_next_run(server: Server, tmp_path: Path) -> None:
    server.break_after = [300_000]

    with pytest.raises(DownloadError, match="300000 of 700000 bytes arrived; run again"):
        _fetch(server, tmp_path / "set.zip", attempts=1)
    assert not (tmp_path / "set.zip").exists()
    assert (tmp_path / "set.zip.part").stat().st_size == 300_000

    _fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert server.requests == ["", "bytes=300000-"]


def test_a_file_that_changed_meanwhile_starts_over(server: Server, tmp_path: Path) -> None:
    server.break_after = [300_000]
    with pytest.raises(DownloadError):
        _fetch(server, tmp_path / "set.zip", attempts=1)
    server.content, server.tag = CONTENT[::-1], '"two"'

    _fetch(server, tmp_path / "set.zip")

    assert (tmp_path / "set.zip").read_bytes() == CONTENT[::-1]


def test_a_server_that_cannot_resume_starts_over(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "set.zip.part").write_bytes(b"x" * 1000)

    _fetch(server, tmp_path / "set.zip", checksum=SHA256)

    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_part_that_is_complete_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "set.zip.part").write_bytes(CONTENT)

    _fetch(server, tmp_path / "set.zip", checksum=SHA256)

    assert _leftovers(tmp_path) == ["set.zip"]


def test_a_part_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "set.zip.part").write_bytes(CONTENT + b"more")

    _fetch(server, tmp_path / "set.zip", checksum=SHA256)

    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=f"expected {'0' * 64}.*publisher has changed"):
        _fetch(server, tmp_path / "set.zip", checksum="sha256:" + "0" * 64)

    assert _leftovers(tmp_path) == []


def test_a_wrong_file_of_the_user_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"mine")

    with pytest.raises(DownloadError, match="delete or move it"):
        _fetch(server, tmp_path / "set.zip", checksum="md5:" + hashlib.md5(CONTENT).hexdigest())

    assert (tmp_path / "set.zip").read_bytes() == b"mine"


def test_no_such_file_and_no_server(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="answers 404"):
        fetch.fetch(server.url("other.zip"), tmp_path / "a", wait=0, progress=False)
    with pytest.raises(DownloadError, match="run again"):
        fetch.fetch("http://127.0.0.1:9/a.zip", tmp_path / "a", wait=0, attempts=2, progress=False)


def test_no_room_is_said_before_the_transfer(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = fetch.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: usage)

    with pytest.raises(DownloadError, match="700000 bytes to come, 1000 free"):
        _fetch(server, tmp_path / "set.zip")


@pytest.mark.parametrize(
    ("url", "checksum", "message"),
    [("ftp://host/a.zip", "", "http or https"), ("http://host/a.zip", "crc:1", "sha256:")],
)
def test_impossible_arguments(tmp_path: Path, url: str, checksum: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fetch.fetch(url, tmp_path / "a", checksum=checksum)


def test_unpacking(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        archive.writestr("CXR_png/a.png", b"a")
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../../out.png", b"a")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "good.zip").read_bytes()[:40])

    unpack(tmp_path / "good.zip", tmp_path / "out", progress=False)

    assert (tmp_path / "out" / "CXR_png" / "a.png").read_bytes() == b"a"
    with pytest.raises(DownloadError, match="leads out of"):
        unpack(tmp_path / "bad.zip", tmp_path / "out", progress=False)
    with pytest.raises(DownloadError, match="not a complete ZIP"):
        unpack(tmp_path / "cut.zip", tmp_path / "out", progress=False)


def test_a_data_set_is_fetched_unpacked_and_explained(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as archive:
        archive.writestr("masks/left lung/JPCLN001.gif", b"GIF")
    server.content = (tmp_path / "source.zip").read_bytes()
    entry = Download("title", "page", (Archive(server.url()),), ("put the rest into {target}",))
    monkeypatch.setitem(downloads.DOWNLOADS, "jsrt", entry)

    steps = download("jsrt", tmp_path / "jsrt", progress=False)

    assert steps == [f"put the rest into {tmp_path / 'jsrt'}"]
    assert (tmp_path / "jsrt" / "set" / "masks" / "left lung" / "JPCLN001.gif").is_file()
    with pytest.raises(ValueError, match="known are jsrt, montgomery, shenzhen"):
        download("atlantis", tmp_path)


def test_every_data_set_that_can_be_prepared_says_where_it_comes_from() -> None:
    assert set(DOWNLOADS) == set(SOURCES)
    for entry in DOWNLOADS.values():
        assert entry.archives or entry.steps
        for archive in entry.archives:
            assert archive.url.startswith("https://")
            algorithm, _, digest = archive.checksum.partition(":")
            assert len(digest) == {"sha256": 64, "md5": 32, "": 0}[algorithm]
