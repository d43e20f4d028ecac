"""A real Orthanc with its DICOMweb plugin, on loopback, in a folder of its own."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import requests

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_READY_SECONDS = 60.0


def needs_orthanc() -> None:
    """Skip the test where Orthanc or its plugin is not installed."""
    if shutil.which("Orthanc") is None or not PLUGIN.is_file():
        pytest.skip("Orthanc with DICOMweb is not installed: apt-get install orthanc orthanc-dicomweb")


class Orthanc:
    """A server that can be stopped, killed, frozen and started again with what it holds.

    Args:
        folder: of its files; made when missing.
        users: name -> password; anybody may enter without any.

    Attributes:
        url: of the server.
        dicom_web: of its DICOMweb service.
    """

    def __init__(self, folder: Path, *, users: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.dicom_web = f"{self.url}/dicom-web"
        self._process: subprocess.Popen[bytes] | None = None
        content: dict[str, Any] = {
            "Name": "test",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": bool(users),
            "RegisteredUsers": dict(users or {}),
            "DicomServerEnabled": False,
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        self._config = folder / "orthanc.json"
        self._config.write_text(json.dumps(content))

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: it ended, or did not answer in time; with the end of its log.
        """
        log = self.folder / "orthanc.log"
        with log.open("ab") as stream:
            self._process = subprocess.Popen(["Orthanc", str(self._config)], stdout=stream, stderr=stream)
        deadline = time.monotonic() + _READY_SECONDS
        host, port = self.url.split("//")[1].split(":")
        while True:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                return
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Orthanc did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it take connections but answer nothing, until :meth:`thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def upload(self, *paths: Path, **options: Any) -> None:
        """Put files into it, by its own interface."""
        for path in paths:
            requests.post(f"{self.url}/instances", data=path.read_bytes(), timeout=60, **options).raise_for_status()

    def delete_study(self, uid: str) -> None:
        """Remove a study, by its Study Instance UID."""
        self._delete("Study", uid)

    def delete_series(self, uid: str) -> None:
        """Remove a series, by its Series Instance UID."""
        self._delete("Series", uid)

    def _delete(self, kind: str, uid: str) -> None:
        found = requests.post(f"{self.url}/tools/lookup", data=uid, timeout=60)
        found.raise_for_status()
        for item in found.json():
            if item["Type"] == kind:
                requests.delete(self.url + item["Path"], timeout=60).raise_for_status()

    def __enter__(self) -> Orthanc:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
