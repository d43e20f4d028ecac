"""A small DICOMweb archive inside the test process, whose answers a test can spoil."""

from __future__ import annotations

import io
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydicom

_BOUNDARY = "parts-of-an-answer"
_STUDY = ("StudyInstanceUID", "PatientID", "StudyDate", "AccessionNumber")
_SERIES = (*_STUDY, "SeriesInstanceUID", "Modality", "Manufacturer", "SeriesDescription", "SeriesNumber")
_LEVELS = {"studies": _STUDY, "series": _SERIES, "instances": (*_SERIES, "SOPClassUID", "SOPInstanceUID")}
_UIDS = {"studies": "StudyInstanceUID", "series": "SeriesInstanceUID", "instances": "SOPInstanceUID"}

Spoil = Callable[["Request"], bool]


class Request(BaseHTTPRequestHandler):
    """Answers from the archive's objects, unless a fault answers first."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def reply(self, status: int, content: bytes = b"", kind: str = "text/plain", length: int | None = None) -> None:
        """Send an answer; a ``length`` other than that of the content breaks it off."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)
        if length is not None:
            self.close_connection = True

    def reply_json(self, content: object, status: int = 200) -> None:
        self.reply(status, json.dumps(content).encode(), "application/dicom+json")

    def reply_dicom(self, content: bytes, length: int | None = None) -> None:
        head = f"\r\n--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = head + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
        self.reply(200, body if length is None else body[:length], kind, None if length is None else len(body))

    def _answer(self) -> None:
        archive = self.server.archive
        archive.requests.append(f"{self.command} {self.path}")
        archive.headers.append(dict(self.headers))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for fault in list(archive.faults):
            if fault(self):
                return
        path = urlsplit(self.path)
        words = path.path.removeprefix("/dicom-web/").split("/")
        if not path.path.startswith("/dicom-web/"):
            self.reply(404)
        elif self.command == "POST":
            self.reply_json(archive.take(self.body, self.headers["Content-Type"]))
        elif len(words) == 6:
            content = archive.objects.get(words[5])
            self.reply(404) if content is None else self.reply_dicom(content)
        else:
            asked = {name: values[0] for name, values in parse_qs(path.query).items()}
            above = {_UIDS[level]: uid for level, uid in zip(words[:-1:2], words[1::2], strict=True)}
            self.reply_json(archive.search(words[-1], asked | above))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    archive: FakeArchive

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a test that breaks a connection means it


class FakeArchive:
    """What the archive holds and what it was asked.

    Attributes:
        objects: SOP Instance UID -> the file's bytes.
        faults: asked in turn; the first that answers a request (and returns True) spoils it.
        requests: method and path of each request.
        headers: headers of each request.
        page: most items in one answer to a query.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults: list[Spoil] = []
        self.requests: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.page = 100
        self.url = ""

    def add(self, *paths: Path) -> None:
        for path in paths:
            self.objects[str(pydicom.dcmread(path).SOPInstanceUID)] = path.read_bytes()

    def search(self, level: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        first, most = (int(query.get(name, 0)) for name in ("offset", "limit"))
        filters = {name: text for name, text in query.items() if name not in ("limit", "offset", "includefield")}
        found: dict[str, dict[str, Any]] = {}
        for content in self.objects.values():
            header = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
            if all(_matches(str(header.get(name, "")), text) for name, text in filters.items()):
                part = pydicom.Dataset()
                for keyword in _LEVELS[level]:
                    setattr(part, keyword, header.get(keyword, ""))
                found[str(header[_UIDS[level]].value)] = part.to_json_dict()
        return list(found.values())[first : first + min(self.page, most or self.page)]

    def take(self, body: bytes, kind: str) -> dict[str, Any]:
        boundary = kind.split("boundary=")[1].strip('"').encode()
        answer = pydicom.Dataset()
        answer.ReferencedSOPSequence = []
        for part in body.split(b"--" + boundary)[1:-1]:
            content = part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
            header = pydicom.dcmread(io.BytesIO(content))
            self.objects[str(header.SOPInstanceUID)] = content
            item = pydicom.Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
            answer.ReferencedSOPSequence.append(item)
        return answer.to_json_dict()

    def spoil(self, part: str, answer: Callable[[Request], None], times: int = 10**6) -> None:
        """Let the next requests whose method and path hold ``part`` be answered otherwise."""
        left = [times]

        def fault(request: Request) -> bool:
            if left[0] <= 0 or part not in f"{request.command} {request.path}":
                return False
            left[0] -= 1
            answer(request)
            return True

        self.faults.append(fault)


def _matches(text: str, wanted: str) -> bool:
    first, dash, last = wanted.partition("-")
    return first <= text <= (last or "9") if dash else text == wanted


@contextmanager
def serving(archive: FakeArchive, context: ssl.SSLContext | None = None) -> Iterator[FakeArchive]:
    """Serve an archive on loopback, with TLS if there is a context."""
    server = _Server(("127.0.0.1", 0), Request)
    server.archive = archive
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    archive.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_port}/dicom-web"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield archive
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
