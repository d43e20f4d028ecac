"""A real server of MONAI Label as a process of its own, and the requests that clients send it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

REPOSITORY = Path(__file__).resolve().parents[3]
ENVIRONMENT = REPOSITORY / ".venv-label"
STUBS = Path(__file__).with_name("stubs")
_START = 900


def variables() -> dict[str, str]:
    """Variables of the server's process: the stand-in for torchvision is found where there is no torchvision."""
    paths = [os.environ.get("PYTHONPATH", "")]
    if not list((ENVIRONMENT / "lib").glob("python*/site-packages/torchvision")):
        paths.insert(0, str(STUBS))
    # Nothing but loopback is reached: a download that were tried would fail at once.
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    return {**os.environ, **nowhere, "no_proxy": "127.0.0.1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def label_command(verb: str, *words: str) -> list[str]:
    """A command line of ``python -m common.label``."""
    return [sys.executable, "-m", "common.label", verb, "--env", str(ENVIRONMENT), *words]


def refused(app: Path, studies: Path, port: int = 0) -> str:
    """Start a server that must not start; the one line that it prints."""
    words = label_command("start", "--app", str(app), "--port", str(port or free_port()), str(studies))
    done = subprocess.run(words, cwd=REPOSITORY, env=variables(), capture_output=True, text=True, timeout=_START)
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    return line


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class Refused(Exception):  # noqa: N818
    """An answer with an error status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


class LabelServer:
    """MONAI Label on loopback.

    Args:
        app: app folder.
        studies: folder of studies.
        log: file for what the server prints.
    """

    def __init__(self, app: Path, studies: Path, log: Path) -> None:
        self.app, self.studies, self.log = app, studies, log
        self.port = free_port()
        words = label_command("start", "--app", str(app), "--port", str(self.port), str(studies))
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                words, cwd=REPOSITORY, env=variables(), stdout=stream, stderr=stream, start_new_session=True
            )
        deadline = time.monotonic() + _START
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {self.tail()}")
            try:
                self.info = self.json("GET", "/info/")
                return
            except OSError:
                time.sleep(1)

    def tail(self) -> str:
        """The end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def says(self, text: str) -> bool:
        """Whether the log holds a text; the reason of a failed request is written after its answer."""
        deadline = time.monotonic() + 60
        while text not in self.log.read_text(encoding="utf-8", errors="replace"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def request(self, method: str, path: str, fields: Any = None, **query: Any) -> tuple[bytes, str]:
        """Send a request.

        Args:
            method: of HTTP.
            path: of the request.
            fields: parts of a form by name, text or a path; or, as a list of one, a JSON body.
            query: part of the address.

        Returns:
            Body and file name of the answer.

        Raises:
            Refused: an error status.
        """
        address = f"http://127.0.0.1:{self.port}{path}" + ("?" + urlencode(query) if query else "")
        data, headers = None, {}
        if isinstance(fields, list):
            data, headers = json.dumps(fields[0]).encode(), {"Content-Type": "application/json"}
        elif fields is not None:
            data, kind = _form(fields)
            headers = {"Content-Type": kind}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(address, data, headers, method=method), timeout=600) as answer:
                return answer.read(), answer.headers.get_filename() or ""
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace")) from None

    def json(self, method: str, path: str, fields: Any = None, **query: Any) -> Any:
        """Send a request whose answer is JSON."""
        return json.loads(self.request(method, path, fields, **query)[0])

    def mask(self, model: str, image: str, target: Path, **params: Any) -> Path:
        """Let a model infer on a listed image; the mask's file, in a folder, under the ending that the server chose."""
        fields = {"params": json.dumps(params)}
        body, name = self.request("POST", f"/infer/{model}", fields, image=image, output="image")
        file = target / (image + name[name.index(".") :])
        file.write_bytes(body)
        return file

    def label(self, image: str, tag: str, file: Path) -> None:
        """Upload a label under a tag."""
        self.request("PUT", "/datastore/label", {"params": "{}", "label": file}, image=image, tag=tag)

    def start_training(self, model: str, **params: Any) -> None:
        """Start a training; returns at once."""
        # The server's own form: it takes what clients see in /info/ and lays the request over it.
        self.json("POST", f"/train/{model}", [{"multi_gpu": False, **params}])

    def train(self, model: str, seconds: int = 1800, **params: Any) -> dict[str, Any]:
        """Train and wait; the server's account of it."""
        self.start_training(model, **params)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            task: dict[str, Any] = self.json("GET", "/train/")
            if task["status"] in ("DONE", "ERROR"):
                return task
            time.sleep(2)
        raise TimeoutError(f"training did not end: {self.tail()}")

    def running(self) -> list[int]:
        """The server and what it started, as far as they run."""
        found = []
        for place in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _parent, group = place.read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(group) == self.process.pid and state != "Z":
                found.append(int(place.parent.name))
        return found

    def kill(self) -> None:
        """End the server and what it started, as a power cut would."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _form(fields: dict[str, Any]) -> tuple[bytes, str]:
    mark = uuid.uuid4().hex
    parts = []
    for name, value in fields.items():
        file = f'; filename="{value.name}"\r\nContent-Type: application/octet-stream' if isinstance(value, Path) else ""
        content = value.read_bytes() if isinstance(value, Path) else str(value).encode()
        parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content)
    return b"\r\n".join([*parts, f"--{mark}--\r\n".encode()]), f"multipart/form-data; boundary={mark}"
